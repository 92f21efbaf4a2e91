// The two things that libFuzzer wants to find by name in its own image, for a program that loads it: the counters to look
// at after each execution, and the mutator. The program sets fuzz_mutate before it starts LLVMFuzzerRunDriver.
#include <stddef.h>
#include <stdint.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

// 65536 for pairs of branches (SharpFuzz), 4096 for states of the node.
__attribute__((section("__libfuzzer_extra_counters"))) uint8_t fuzz_counter_bytes[65536 + 4096];

size_t (*fuzz_mutate)(uint8_t *data, size_t size, size_t max, unsigned seed);

uint8_t *fuzz_counters(void) { return fuzz_counter_bytes; }

void fuzz_set_mutator(size_t (*mutate)(uint8_t *, size_t, size_t, unsigned)) { fuzz_mutate = mutate; }

// Half of the mutations are libFuzzer's own, on bytes.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    return seed % 2 == 0 && fuzz_mutate ? fuzz_mutate(data, size, max, seed) : LLVMFuzzerMutate(data, size, max);
}
