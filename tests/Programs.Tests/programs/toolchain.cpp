// Exceptions through several frames and in threads, futures, containers, regular expressions, streams.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

struct Guard {
    static std::atomic<int> open;
    Guard() { open++; }
    ~Guard() { open--; }
};
std::atomic<int> Guard::open;

static long deep(int depth, long number)
{
    Guard guard;
    if (depth == 0 && number % 3 == 0)
        throw std::domain_error("divisible: " + std::to_string(number));
    return depth == 0 ? number : deep(depth - 1, number) + 1;
}

int main()
{
    std::map<std::string, int> count;
    std::vector<std::future<std::string>> answers;
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        long number;
        words >> number;
        for (std::string word; words >> word;)
            count[word]++;
        if (number % 40 == 0)
            answers.push_back(std::async(std::launch::async, [number] {
                try {
                    return std::to_string(deep(20, number));
                } catch (const std::exception &failure) {
                    return std::string(failure.what());
                }
            }));
    }
    for (auto &answer : answers)
        std::cout << answer.get() << '\n';
    std::cout << "open " << Guard::open << '\n';
    std::vector<std::pair<std::string, int>> sorted(count.begin(), count.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](auto &a, auto &b) { return a.second > b.second; });
    for (int i = 0; i < 5; i++)
        std::cout << sorted[i].first << ' ' << sorted[i].second << '\n';
    std::cout << std::regex_replace("a1b22c333", std::regex("[0-9]+"), "<$&>") << ' ' << std::setprecision(15) << 1 / 3.0 << '\n';

    std::mutex lock;
    std::condition_variable change;
    int turn = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&, i] {
            for (int round = 0; round < 50; round++) {
                std::unique_lock held(lock);
                change.wait(held, [&] { return turn % 4 == i; });
                turn++;
                change.notify_all();
            }
        });
    for (auto &thread : threads)
        thread.join();
    std::cout << "turns " << turn << '\n';
    auto thrower = std::async(std::launch::async, []() -> int { throw std::runtime_error("from another thread"); });
    try {
        thrower.get();
    } catch (const std::runtime_error &failure) {
        std::cout << failure.what() << '\n';
    }
}
