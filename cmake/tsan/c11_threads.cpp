// The Kafka client library uses C11 threads, which ThreadSanitizer does not support: a program crashes at its first
// lock. In builds with that sanitizer, and only there, these functions replace the C library's and use POSIX threads,
// which it supports.
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace {

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t) && sizeof(cnd_t) >= sizeof(pthread_cond_t));

pthread_mutex_t* mutex_of(mtx_t* mutex) { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* condition_of(cnd_t* condition) { return reinterpret_cast<pthread_cond_t*>(condition); }

int result_of(int error) {
    switch (error) {
        case 0:
            return thrd_success;
        case EBUSY:
            return thrd_busy;
        case ETIMEDOUT:
            return thrd_timedout;
        case ENOMEM:
            return thrd_nomem;
        default:
            return thrd_error;
    }
}

struct Start {
    thrd_start_t function;
    void* argument;
};

void* run(void* opaque) {
    const std::unique_ptr<Start> start(static_cast<Start*>(opaque));
    return reinterpret_cast<void*>(static_cast<intptr_t>(start->function(start->argument)));
}

}  // namespace

extern "C" {

// The library's own reference counts are atomic, but it is not instrumented, so that freeing looks like a race. Our
// code that it calls back is still checked. A client that cannot be destroyed keeps its threads (bus/kafka/client.h).
const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() { return "called_from_lib:librdkafka.so.1\nthread:librdkafka.so.1\n"; }

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
    auto start = std::make_unique<Start>(function, argument);
    const int error = pthread_create(thread, nullptr, run, start.get());
    if (error == 0) [[maybe_unused]]
        const auto* owned_by_thread = start.release();
    return result_of(error);
}

int thrd_join(thrd_t thread, int* result) {
    void* value = nullptr;
    const int error = pthread_join(thread, &value);
    if (result) *result = static_cast<int>(reinterpret_cast<intptr_t>(value));
    return result_of(error);
}

int thrd_detach(thrd_t thread) { return result_of(pthread_detach(thread)); }

int mtx_init(mtx_t* mutex, int type) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (type & mtx_recursive) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    const int error = pthread_mutex_init(mutex_of(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result_of(error);
}

void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy(mutex_of(mutex)); }
int mtx_lock(mtx_t* mutex) { return result_of(pthread_mutex_lock(mutex_of(mutex))); }
int mtx_trylock(mtx_t* mutex) { return result_of(pthread_mutex_trylock(mutex_of(mutex))); }
int mtx_unlock(mtx_t* mutex) { return result_of(pthread_mutex_unlock(mutex_of(mutex))); }

int cnd_init(cnd_t* condition) { return result_of(pthread_cond_init(condition_of(condition), nullptr)); }
void cnd_destroy(cnd_t* condition) { pthread_cond_destroy(condition_of(condition)); }
int cnd_signal(cnd_t* condition) { return result_of(pthread_cond_signal(condition_of(condition))); }
int cnd_broadcast(cnd_t* condition) { return result_of(pthread_cond_broadcast(condition_of(condition))); }

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
    return result_of(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
    return result_of(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}

}  // extern "C"
