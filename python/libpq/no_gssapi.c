/* Stands in for the GSSAPI (Kerberos) library beside the wheel's libpq, so that the wheel need not carry that library and the dozen
   behind it (docs/decisions/0027-libpq-alone.md). There are no credentials, so libpq asks no server for GSSAPI encryption; a server
   that insists on GSSAPI gets an error with the text below. Types and numbers are RFC 2744's. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  size_t length;
  void* value;
} Buffer;

enum { complete = 0, failure = 13u << 16, unavailable = 16u << 16, of_the_mechanism = 2 };

void* GSS_C_NT_HOSTBASED_SERVICE = NULL;

static uint32_t refuse(uint32_t* minor) {
  *minor = 0;
  return unavailable;
}

static uint32_t done(uint32_t* minor) {
  *minor = 0;
  return complete;
}

uint32_t gss_acquire_cred(uint32_t* minor, void* name, uint32_t time, void* mechanisms, int usage, void** credential, void** actual,
                          uint32_t* lasting) {
  (void)name, (void)time, (void)mechanisms, (void)usage, (void)actual, (void)lasting;
  if (credential != NULL) *credential = NULL;
  return refuse(minor);
}

uint32_t gss_import_name(uint32_t* minor, Buffer* text, void* type, void** name) {
  (void)text, (void)type;
  *name = NULL;
  return refuse(minor);
}

uint32_t gss_init_sec_context(uint32_t* minor, void* credential, void** context, void* target, void* mechanism, uint32_t flags,
                              uint32_t time, void* bindings, Buffer* input, void** actual, Buffer* output, uint32_t* got,
                              uint32_t* lasting) {
  (void)credential, (void)context, (void)target, (void)mechanism, (void)flags, (void)time, (void)bindings, (void)input;
  (void)actual, (void)got, (void)lasting;
  output->length = 0;
  output->value = NULL;
  return refuse(minor);
}

uint32_t gss_wrap(uint32_t* minor, void* context, int secret, uint32_t quality, Buffer* input, int* was_secret, Buffer* output) {
  (void)context, (void)secret, (void)quality, (void)input, (void)was_secret;
  output->length = 0;
  output->value = NULL;
  return refuse(minor);
}

uint32_t gss_unwrap(uint32_t* minor, void* context, Buffer* input, Buffer* output, int* was_secret, uint32_t* quality) {
  (void)context, (void)input, (void)was_secret, (void)quality;
  output->length = 0;
  output->value = NULL;
  return refuse(minor);
}

uint32_t gss_wrap_size_limit(uint32_t* minor, void* context, int secret, uint32_t quality, uint32_t wanted, uint32_t* most) {
  (void)context, (void)secret, (void)quality, (void)wanted;
  *most = 0;
  return refuse(minor);
}

uint32_t gss_display_status(uint32_t* minor, uint32_t status, int type, void* mechanism, uint32_t* more, Buffer* text) {
  static char words[] = "this libpq, of the Python wheel of terrace, has no GSSAPI (Kerberos)";
  (void)status, (void)mechanism;
  *more = 0;
  *minor = 0;
  if (type == of_the_mechanism) return failure; /* one text is enough */
  text->value = words;
  text->length = strlen(words);
  return complete;
}

uint32_t gss_release_buffer(uint32_t* minor, Buffer* buffer) {
  buffer->length = 0;
  buffer->value = NULL;
  return done(minor);
}

uint32_t gss_release_cred(uint32_t* minor, void** credential) {
  *credential = NULL;
  return done(minor);
}

uint32_t gss_release_name(uint32_t* minor, void** name) {
  *name = NULL;
  return done(minor);
}

uint32_t gss_delete_sec_context(uint32_t* minor, void** context, Buffer* output) {
  (void)output;
  *context = NULL;
  return done(minor);
}
