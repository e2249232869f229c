// Makes the three standard descriptors safe for a process that must never wait for their readers.
#pragma once

#include <string_view>

namespace ledgerline {

// Opens /dev/null in place of stdin, stdout and stderr where they are closed, so that no socket or file gets their
// numbers and then receives what is printed. Call before anything is opened.
void keep_standard_streams_open();

// From now on, no write to it in this process waits: where it is a full pipe or terminal, the write fails with EAGAIN.
// Other processes that share it are not affected. Does nothing for what never fills up (files), or where the system
// does not allow it (sockets, pipes of another user).
void never_wait_for(int descriptor);

// Writes the text as far as that is possible without waiting. False: some of it was not written.
bool write_if_room(int descriptor, std::string_view text);

}  // namespace ledgerline
