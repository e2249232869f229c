// fdatasync that takes as long as a slower disk's: preloaded into the bench's PostgreSQL server.
//
// LEDGERLINE_BENCH_FLUSH names a file that holds one int32: how many microseconds a flush takes at least. The file may
// be written at any time. While it holds 0, a flush costs one read of memory more than the C library's.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const std::int32_t* map_setting() {
    const char* path = std::getenv("LEDGERLINE_BENCH_FLUSH");
    const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return nullptr;
    void* mapped = mmap(nullptr, sizeof(std::int32_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    return mapped == MAP_FAILED ? nullptr : static_cast<const std::int32_t*>(mapped);
}

// Before main(): PostgreSQL flushes within critical sections, where nothing should be looked up for the first time.
const std::int32_t* const kMicros = map_setting();
using Flush = int (*)(int);
const auto kFlush = reinterpret_cast<Flush>(dlsym(RTLD_NEXT, "fdatasync"));

}  // namespace

extern "C" int fdatasync(int file) {
    const std::int32_t micros = kMicros ? __atomic_load_n(kMicros, __ATOMIC_RELAXED) : 0;
    timespec end{};
    if (micros > 0) clock_gettime(CLOCK_MONOTONIC, &end);
    const int result = kFlush(file);
    if (micros <= 0) return result;
    end.tv_nsec += static_cast<std::int64_t>(micros) * 1000;
    end.tv_sec += end.tv_nsec / 1'000'000'000;
    end.tv_nsec %= 1'000'000'000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) != 0) {
    }
    return result;
}
