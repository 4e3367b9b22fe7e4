"""The command ruvllm-online, which looks after a store of `ruvllm.online`."""
