"""KubernetesExecutor: each attempt in a pod of its own."""
