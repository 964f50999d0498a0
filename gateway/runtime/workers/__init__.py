"""Several processes that serve as one (`workers` of the configuration), each a gateway of its own on the same journals.

- `parent.py`: the process that is started. It holds the addresses, starts workers and replaces those that end, reloads
  and stops all, and answers at the admin listener. It holds no operators and moves no money
- `worker.py`: a worker process: a `Runtime` that does what its parent asks
- `worker_process.py`: a worker as its parent sees it; `messages.py`: what the two say to each other
- `sharing.py`: how connections come from the one to the other; `totals.py`: what all have counted together

docs/decisions/171-workers.md says why it is built so.
"""
