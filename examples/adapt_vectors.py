"""Adapts query vectors: MicroLoRA learns from right answers, and is measured on queries that it has not seen."""

import numpy as np

import ruvllm

rng = np.random.default_rng(0)
dim, n = 64, 400
solutions = rng.standard_normal((n, dim)).astype(np.float32)
solutions /= np.linalg.norm(solutions, axis=1, keepdims=True)
habit = rng.standard_normal(dim).astype(np.float32)  # every query leans this way, which hides what it is about
queries = solutions + rng.standard_normal((n, 1)).astype(np.float32) * habit

adapter = ruvllm.MicroLoRA(dim=dim, rank=2, seed=0)


def accuracy(tasks: range) -> float:
    first = [np.argmax(ruvllm.cosine_similarity(adapter.forward(queries[i]), solutions)) for i in tasks]
    return float(np.mean([solution == i for solution, i in zip(first, tasks, strict=True)]))


train, test = range(n // 2), range(n // 2, n)
before = accuracy(test)
for _ in range(10):
    for i in train:
        adapter.learn(queries[i], solutions, i, learning_rate=0.01)
after = accuracy(test)
print(f"first of {n} solutions right for unseen queries: {before:.1%} frozen, {after:.1%} adapted")
