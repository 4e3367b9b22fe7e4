"""The subcommands of ruvllm-bench for many machines: plan, run --plan, merge."""
