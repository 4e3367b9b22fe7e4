"""Section of peers.py: k-means++ and ten iterations on unit rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from peers_measure import Row, Section, WrongAnswerError, measure_side_by_side, peer, require_near

import ruvllm

SIZES = [(n_rows, dim) for dim in (1536, 3584) for n_rows in (500, 1440, 10_000)]
CLUSTERS = 20
ITERATIONS = 10
LATENT_DIRECTIONS = 24
"""Rows spread around so many directions keep moving between clusters; pure noise settles after two iterations."""

Floats = npt.NDArray[np.float32]


def sections() -> list[Section]:
    return [
        Section(
            "k-means",
            f"k-means++ and {ITERATIONS} iterations, k = {CLUSTERS}: ruvllm.spherical_kmeans beside "
            "faiss.Kmeans(spherical=True, k-means++ start, no subsampling) and sklearn.cluster.KMeans(n_init=1, tol=0; "
            "Euclidean)",
            ("faiss", "sklearn"),
            run,
        )
    ]


def unit_rows(n_rows: int, dim: int) -> Floats:
    random = np.random.default_rng(n_rows + dim)
    rows = random.standard_normal((n_rows, LATENT_DIRECTIONS)) @ random.standard_normal((LATENT_DIRECTIONS, dim))
    rows += 2.0 * random.standard_normal((n_rows, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def run(repetitions: int) -> list[Row]:
    table = []
    for n_rows, dim in SIZES:
        rows = unit_rows(n_rows, dim)
        check_ours(rows)
        fits: dict[str, Callable[[Floats], Any]] = {"ours": our_kmeans}
        if faiss := peer("faiss"):
            fits["faiss"] = partial(faiss_kmeans, faiss)
            check_quality(f"faiss, {n_rows} x {dim}", rows, fits["faiss"](rows).centroids)
        if cluster := peer("sklearn.cluster"):
            fits["sklearn"] = partial(sklearn_kmeans, cluster)
            check_quality(f"sklearn, {n_rows} x {dim}", rows, fits["sklearn"](rows).cluster_centers_)
        calls = {name: partial(fit, rows) for name, fit in fits.items()}
        milliseconds = {name: 1e3 * s for name, s in measure_side_by_side(calls, repetitions).items()}
        table.append(Row(f"{n_rows} x {dim}", "ms", milliseconds.pop("ours"), milliseconds))
    return table


def our_kmeans(rows: Floats) -> Any:
    return ruvllm.spherical_kmeans(rows, None, CLUSTERS, max_iterations=ITERATIONS, seed=1)


def faiss_kmeans(faiss: Any, rows: Floats) -> Any:
    kmeans = faiss.Kmeans(
        rows.shape[1],
        CLUSTERS,
        niter=ITERATIONS,
        spherical=True,
        seed=1,
        min_points_per_centroid=1,
        max_points_per_centroid=len(rows),
    )
    if hasattr(faiss, "ClusteringInitMethod_KMEANS_PLUS_PLUS"):  # since faiss 1.13
        kmeans.cp.init_method = faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS
    kmeans.train(rows)
    return kmeans


def sklearn_kmeans(cluster: Any, rows: Floats) -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ten iterations are not convergence, and that is no news here
        return cluster.KMeans(CLUSTERS, init="k-means++", n_init=1, max_iter=ITERATIONS, tol=0, random_state=1).fit(
            rows
        )


def cosines_to(rows: Floats, centers: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(n_rows, n_centers) in double precision."""
    directions = centers.astype(np.float64)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.concatenate([rows[i : i + 500].astype(np.float64) @ directions.T for i in range(0, len(rows), 500)])


def check_ours(rows: Floats) -> None:
    """One naive iteration from the state before the last must give the last: members, centers, inertia."""
    before, after = (
        ruvllm.spherical_kmeans(rows, None, CLUSTERS, max_iterations=ITERATIONS - more, seed=1) for more in (1, 0)
    )
    label = f"k-means {rows.shape[0]} x {rows.shape[1]}"
    iterations = len(after[2]) - 1
    if iterations < len(before[2]):  # settled before: the last step changed nothing
        require_near(f"{label}, centers", after[0], before[0], 0.0)
    else:
        for c in range(CLUSTERS):
            mean = rows[before[1] == c].astype(np.float64).sum(0)
            require_near(f"{label}, center {c}", after[0][c], mean / np.linalg.norm(mean), 1e-5)
    cosines = cosines_to(rows, after[0])
    own = cosines[np.arange(len(rows)), after[1]]
    require_near(f"{label}, cosine to the own center", own, cosines.max(1), 1e-6)
    require_near(f"{label}, inertia", after[2][-1], (1.0 - own).sum(), 1e-5 * len(rows))
    check_quality(label, rows, after[0])


def check_quality(label: str, rows: Floats, centers: npt.NDArray[Any]) -> None:
    """Far better than one cluster: whoever is timed has done the work."""
    clusters = (1.0 - cosines_to(rows, centers).max(1)).sum()
    one = (1.0 - cosines_to(rows, rows.mean(0, keepdims=True))).sum()
    if len(centers) != CLUSTERS or not clusters < 0.8 * one:
        raise WrongAnswerError(f"{label}: {len(centers)} clusters of inertia {clusters:.4g}, one would have {one:.4g}")
