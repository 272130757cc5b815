/* Stands in for the LDAP library beside the wheel's libpq (docs/decisions/0027-libpq-alone.md). libpq asks LDAP for one thing: an
   ldap:// line of a service file (pg_service.conf). There is no connection to a directory, so libpq stops at the first function,
   with an error; the others are there for the linker. Types and numbers are RFC 1823's. */

#include <stddef.h>

enum { local_error = -2 };

void* ldap_init(const char* host, int port) {
  (void)host, (void)port;
  return NULL;
}

int ldap_simple_bind(void* connection, const char* name, const char* password) {
  (void)connection, (void)name, (void)password;
  return local_error;
}

int ldap_result(void* connection, int id, int all, void* time, void** result) {
  (void)connection, (void)id, (void)all, (void)time;
  *result = NULL;
  return local_error;
}

int ldap_search_st(void* connection, const char* base, int scope, const char* filter, char** attributes, int only, void* time,
                   void** result) {
  (void)connection, (void)base, (void)scope, (void)filter, (void)attributes, (void)only, (void)time;
  *result = NULL;
  return local_error;
}

int ldap_count_entries(void* connection, void* result) {
  (void)connection, (void)result;
  return 0;
}

void* ldap_first_entry(void* connection, void* result) {
  (void)connection, (void)result;
  return NULL;
}

void* ldap_get_values_len(void* connection, void* entry, const char* attribute) {
  (void)connection, (void)entry, (void)attribute;
  return NULL;
}

int ldap_set_option(void* connection, int option, const void* value) {
  (void)connection, (void)option, (void)value;
  return local_error;
}

char* ldap_err2string(int error) {
  static char words[] = "this libpq, of the Python wheel of terrace, has no LDAP";
  (void)error;
  return words;
}

int ldap_msgfree(void* message) {
  (void)message;
  return 0;
}

int ldap_unbind(void* connection) {
  (void)connection;
  return 0;
}

void ldap_value_free_len(void* values) {
  (void)values;
}
