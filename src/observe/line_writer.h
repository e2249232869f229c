// LineWriter: hands lines to a descriptor without ever making the caller wait.
//
// Lines stand in one queue, bounded in bytes; a thread of its own writes them. A line that finds no room, or that the
// descriptor does not take (its reader is gone, its disk is full), is dropped and counted. When there is room again one
// line says how many were. Nothing is written under a lock, so no thread waits for the descriptor but that one, and
// that one is never joined: a process ends whether its reader reads or not.
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
    // The line about lines that were dropped, without its end. Called on the writer's thread.
    using DropNote = std::function<std::string(std::uint64_t lines)>;

    // The descriptor stays the caller's, and must stay open as long as the process may write to it.
    LineWriter(int descriptor, std::size_t queue_bytes_max, DropNote drop_note);
    // Lets the thread end when it has written what waits. Does not wait for it.
    ~LineWriter();
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;

    // line: without its end. Returns at once, whatever the descriptor does.
    void push(std::string line);
    // Waits until everything pushed so far, and the note on what was dropped, is written or given up, or at_most has
    // passed. Returns whether nothing waits any more.
    bool flush(milliseconds at_most);
    // Lines dropped since the start.
    std::uint64_t dropped() const;

private:
    class Queue;
    const std::shared_ptr<Queue> queue_;  // shared with the thread, which may outlive this
};

}  // namespace ledgerline
