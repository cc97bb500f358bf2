"""What the node runs, and how: data only. Every path is one inside the node."""

from __future__ import annotations

from pathlib import Path

GATEWAY = "10.244.0.1"  # the node's address, and what pods call the machine that runs the tests
USERS = {  # name: (uid, groups); a test's own users come from `kube user`
    "admin": ("admin", "system:masters"),
    "executor": ("executor", ""),
    "system:kube-controller-manager": ("controller-manager", ""),
    "system:kube-scheduler": ("scheduler", ""),
    "system:node:node": ("kubelet", "system:nodes"),
}
CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = "cpu cpuacct cpuset memory devices freezer blkio pids systemd".split()  # noqa: SIM905
ETCD = "http://127.0.0.1:2379"
COMPONENTS = {  # in the order of start; every path is one inside the node
    "etcd": f"""/run/kube/bin/etcd --data-dir=/var/lib/etcd --listen-client-urls={ETCD}
        --advertise-client-urls={ETCD} --listen-peer-urls=http://127.0.0.1:2380""",
    "containerd": "/run/kube/bin/containerd --config=/run/cluster/node/containerd.toml",
    "apiserver": f"""/run/kube/bin/kube-apiserver --etcd-servers={ETCD}
        --bind-address=0.0.0.0 --secure-port=443 --advertise-address={GATEWAY}
        --tls-cert-file=/run/cluster/conf/tls.crt --tls-private-key-file=/run/cluster/conf/tls.key
        --service-cluster-ip-range=10.0.0.0/24 --allow-privileged=true
        --service-account-issuer=https://kubernetes.default.svc
        --service-account-key-file=/run/cluster/conf/tls.crt
        --service-account-signing-key-file=/run/cluster/conf/tls.key
        --token-auth-file=/run/cluster/conf/tokens.csv --authorization-mode=Node,RBAC
        --kubelet-preferred-address-types=InternalIP --profiling=false
        --default-not-ready-toleration-seconds=3 --default-unreachable-toleration-seconds=3""",
    "controller-manager": """/run/kube/bin/kube-controller-manager
        --kubeconfig=/run/cluster/conf/system-kube-controller-manager.kubeconfig
        --root-ca-file=/run/cluster/conf/tls.crt --use-service-account-credentials
        --service-account-private-key-file=/run/cluster/conf/tls.key
        --flex-volume-plugin-dir=/run/kubelet-plugins
        --leader-elect=false --port=0 --secure-port=0 --kube-api-qps=100 --kube-api-burst=200
        --node-monitor-period=1s --node-monitor-grace-period=6s --pod-eviction-timeout=5s""",
    "scheduler": """/run/kube/bin/kube-scheduler
        --kubeconfig=/run/cluster/conf/system-kube-scheduler.kubeconfig
        --leader-elect=false --port=0 --secure-port=0 --kube-api-qps=100 --kube-api-burst=200""",
    "kubelet": """/run/kube/bin/kubelet --config=/run/cluster/node/kubelet.yaml
        --kubeconfig=/run/cluster/conf/system-node-node.kubeconfig --hostname-override=node
        --node-ip=10.244.0.1 --cgroup-root=/CGROUP --cert-dir=/var/lib/kubelet/pki
        --container-runtime=remote
        --container-runtime-endpoint=unix:///run/containerd/containerd.sock""",
}
NODE_ENV = {
    "PATH": "/run/kube/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LD_LIBRARY_PATH": "/run/kube/lib",  # runc's libseccomp
    "CONTAINERD_ADDRESS": "/run/containerd/containerd.sock",
    "CONTAINERD_NAMESPACE": "k8s.io",
    "AWS_EC2_METADATA_DISABLED": "true",  # else the kubelet asks a cloud for its identity, 6 s
    "HOME": "/root",
}
