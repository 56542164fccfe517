# For workerd by itself. A bundler for workers finds these modules by their imports; in a project of your own, lanestep's
# stand in node_modules/lanestep/dist.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "example", worker = .worker),
    (name = "readers", disk = (path = "build/readers", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "example")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "model.mjs", esModule = embed "model.mjs"),
    (name = "store.mjs", esModule = embed "store.mjs"),
    (name = "chain.mjs", esModule = embed "chain.mjs"),
    (name = "chain.wasm", wasm = embed "chain.wasm"),
    (name = "lanestep", esModule = embed "../../dist/workerd.js"),
    (name = "core.js", esModule = embed "../../dist/core.js"),
    (name = "restore.js", esModule = embed "../../dist/restore.js"),
    (name = "safetensors-read.js", esModule = embed "../../dist/safetensors-read.js"),
    (name = "kernels.wasm", wasm = embed "../../dist/kernels.wasm"),
    (name = "warmed.wasm", wasm = embed "../../dist/warmed.wasm"),
  ],
  compatibilityDate = "2025-01-01",
  # The key is part of what every object is found by: it stays, whatever the class is called.
  durableObjectNamespaces = [(className = "Reader", uniqueKey = "lanestep-example-readers", enableSql = true)],
  durableObjectStorage = (localDisk = "readers"),
  bindings = [(name = "READERS", durableObjectNamespace = "Reader")],
);
