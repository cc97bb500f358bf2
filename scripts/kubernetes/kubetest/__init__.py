"""A real single-node Kubernetes, started and stopped by `kube`."""
