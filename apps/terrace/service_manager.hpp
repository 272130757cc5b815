#pragma once
/// What `terrace serve` tells the service manager that started it: the protocol of sd_notify(3).

#include <string_view>

namespace terrace::cli {

/// Sends assignments, one a line ("READY=1\nSTATUS=..."), to the socket that NOTIFY_SOCKET names; without one
/// it does nothing. A socket that takes nothing is a warning on standard error: the service itself works.
void tell_service_manager(std::string_view assignments);

}  // namespace terrace::cli
