"""torch.optim.AdamW on the CPU, with torch.nn.utils.clip_grad_norm_."""

from time import perf_counter_ns

from protocol import serve, settings

import torch


class PyTorch:
    def reset(self, params, grads):
        self.leaves = [torch.nn.Parameter(torch.tensor(leaf)) for leaf in params]
        self.gradients = [torch.tensor(leaf) for leaf in grads]
        for leaf in self.leaves:
            leaf.grad = torch.empty_like(leaf)
        self.optimizer = torch.optim.AdamW(
            self.leaves,
            lr=settings["learningRate"],
            betas=(settings["b1"], settings["b2"]),
            eps=settings["eps"],
            weight_decay=settings["decay"],
            **{settings["implementation"]: True},
        )

    def run(self, clip, steps):
        # clipping writes to the gradients, and its time does not depend on their norm
        for leaf, gradient in zip(self.leaves, self.gradients):
            leaf.grad.copy_(gradient)
        start = perf_counter_ns()
        for _ in range(steps):
            if clip:
                torch.nn.utils.clip_grad_norm_(self.leaves, settings["maxNorm"], foreach=True)
            self.optimizer.step()
        return perf_counter_ns() - start

    def params(self):
        return [leaf.detach().numpy() for leaf in self.leaves]


torch.set_num_threads(settings["cores"])
serve(PyTorch())
