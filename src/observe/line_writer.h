// LineWriter: hands lines to a descriptor without ever making the caller wait.
//
// Lines wait in one queue, bounded in bytes; a dedicated thread writes them. A line that finds no room, or that the
// descriptor does not accept (its reader is gone, its disk is full), is dropped and counted. Once there is room again,
// one line reports how many were dropped. Nothing is written under a lock, so only that thread ever waits for the
// descriptor. It is never joined: a process can end whether or not its reader reads.
//
// Thread-safe. A child process between fork() and exec() must not use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"

namespace ledgerline {

class LineWriter {
public:
    // Makes the line that reports dropped lines, without its newline. Called on the writer's thread.
    using DropNote = std::function<std::string(std::uint64_t lines)>;

    // The caller keeps the descriptor, and must keep it open as long as the process may write to it.
    LineWriter(int descriptor, std::size_t queue_bytes_max, DropNote drop_note);
    // Lets the thread end when it has written what is queued. Does not wait for it.
    ~LineWriter();
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;

    // line: without its newline. Returns at once, whatever the descriptor does.
    void push(std::string line);
    // Waits until everything pushed so far, and the report of dropped lines, is written or given up, or at_most has
    // passed. Returns whether nothing is left in the queue.
    bool flush(milliseconds at_most);
    // Lines dropped since the start.
    std::uint64_t dropped() const;

private:
    class Queue;
    const std::shared_ptr<Queue> queue_;  // shared with the thread, which may outlive this
};

}  // namespace ledgerline
