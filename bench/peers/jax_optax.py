"""A jitted step of Optax on the CPU, which donates parameters and state."""

from time import perf_counter_ns

from protocol import serve, settings

import jax
import jax.numpy as jnp
import optax

adamw = optax.adamw(
    settings["learningRate"],
    b1=settings["b1"],
    b2=settings["b2"],
    eps=settings["eps"],
    eps_root=settings["epsRoot"],
    weight_decay=settings["decay"],
)


def jitted(update):
    def step(params, state, grads):
        updates, state = update.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return jax.jit(step, donate_argnums=(0, 1))


class Optax:
    plain = staticmethod(jitted(adamw))
    clip = staticmethod(jitted(optax.chain(optax.clip_by_global_norm(settings["maxNorm"]), adamw)))

    def reset(self, params, grads):
        self.leaves = [jnp.array(leaf) for leaf in params]
        self.gradients = [jnp.array(leaf) for leaf in grads]
        self.state = adamw.init(self.leaves)

    def run(self, clip, steps):
        start = perf_counter_ns()
        params, state = self.leaves, self.state
        for _ in range(steps):
            if clip:
                # clipping has no state: a chain only wraps that of adamw
                params, (_, state) = self.clip(params, (optax.EmptyState(), state), self.gradients)
            else:
                params, state = self.plain(params, state, self.gradients)
        jax.block_until_ready((params, state))
        self.leaves, self.state = params, state
        return perf_counter_ns() - start

    def params(self):
        return [jax.device_get(leaf) for leaf in self.leaves]


serve(Optax())
