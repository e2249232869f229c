// The three descriptors that every process is born with, made safe for one that must never wait for who reads them.
#pragma once

#include <string_view>

namespace ledgerline {

// Opens /dev/null in place of those of stdin, stdout and stderr that are closed, so that no socket and no file gets
// their numbers, and with them what is printed. To be called before anything is opened.
void keep_standard_streams_open();

// From now on nothing that anybody in this process writes to it waits: where it is a pipe or a terminal that is full,
// the write fails with EAGAIN. Other processes that share it are not changed. Does nothing to what never fills up
// (files), nor where the system does not allow it (sockets, pipes of another user).
void never_wait_for(int descriptor);

// Writes the text if that is possible at once. False: some of it was not written.
bool write_if_room(int descriptor, std::string_view text);

}  // namespace ledgerline
