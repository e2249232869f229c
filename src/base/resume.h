// suspend_for: lets a coroutine wait for a value that another thread will provide.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace ledgerline {

// Resumes the waiting coroutine on its own executor. Must be called exactly once, from any thread.
template <class T>
using Resume = std::move_only_function<void(T)>;

// Suspends the calling coroutine, passes a Resume<T> to start, and returns the value the Resume<T> is called with.
template <class T, class Start>
boost::asio::awaitable<T> suspend_for(Start start) {
    namespace asio = boost::asio;
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(T)>(
        [&start](auto handler) {
            auto executor = asio::get_associated_executor(handler);
            auto guard = asio::make_work_guard(executor);
            start(Resume<T>([handler = std::move(handler), guard = std::move(guard)](T value) mutable {
                auto target = guard.get_executor();
                asio::post(target, [handler = std::move(handler), value = std::move(value)]() mutable {
                    std::move(handler)(std::move(value));
                });
                guard.reset();
            }));
        },
        asio::use_awaitable);
}

}  // namespace ledgerline
