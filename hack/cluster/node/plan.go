// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import "path/filepath"

// aggregator is the only client that may speak for other users: the API server
// itself, when it passes a request on to an aggregated API.
const aggregator = "aggregator"

// newPlan lists the processes of the node. bin holds the path of each binary.
// Leader election is off everywhere: nobody competes, and the leases would be
// most of the writes of an idle cluster.
func (l Layout) newPlan(bin map[string]string) Plan {
	const (
		etcd       = "tcp://127.0.0.1:2379"
		containerd = "unix:///run/containerd/containerd.sock"
	)
	ready := l.Server() + "/readyz"
	plan := Plan{Name: l.Name(), Components: []Component{
		l.component("etcd", "", bin["etcd"], l.etcdFlags()...),
		l.component("containerd", "", "/usr/bin/containerd", "--config", l.conf("containerd.toml"), "--log-level", "warn"),
		l.component("kube-apiserver", etcd, bin["kube-apiserver"], l.apiServerFlags(etcd)...),
		l.component("kube-controller-manager", ready, bin["kube-controller-manager"], l.controllerManagerFlags()...),
		l.component("kube-scheduler", ready, bin["kube-scheduler"], l.schedulerFlags()...),
		l.component("kubelet", containerd, bin["kubelet"], l.kubeletFlags()...),
		l.component("kube-proxy", ready, bin["kube-proxy"], "--config="+l.conf("kube-proxy.yaml")),
	}}
	seen := map[string]bool{}
	for _, path := range bin {
		if dir := filepath.Dir(path); !seen[dir] {
			seen[dir] = true
			plan.Keep = append(plan.Keep, dir)
		}
	}
	return plan
}

func (l Layout) component(name, after, command string, flags ...string) Component {
	return Component{Name: name, After: after, Command: append([]string{command}, flags...), Log: l.log(name)}
}

func (l Layout) conf(name string) string { return filepath.Join(l.etc(), name) }
func (l Layout) key(name string) string  { return filepath.Join(l.pki(), name) }
func (l Layout) kubeconfigOf(name string) string {
	return l.conf(name + ".kubeconfig")
}

// etcdFlags trade the safety of data that nobody will miss for speed, and a
// slow heartbeat for idle CPU: there is no second member to hear it.
func (l Layout) etcdFlags() []string {
	return []string{
		"--data-dir=" + l.etcdData(),
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=default=http://127.0.0.1:2380",
		"--unsafe-no-fsync", "--heartbeat-interval=500", "--election-timeout=5000",
		"--log-level=warn",
	}
}

func (l Layout) apiServerFlags(etcd string) []string {
	return []string{
		"--etcd-servers=http" + etcd[len("tcp"):],
		"--bind-address=0.0.0.0", "--secure-port=" + apiPort, "--advertise-address=" + l.NodeIP().String(),
		"--service-cluster-ip-range=" + l.Services().String(),
		"--tls-cert-file=" + l.key("apiserver.crt"), "--tls-private-key-file=" + l.key("apiserver.key"),
		"--client-ca-file=" + l.key("ca.crt"),
		"--kubelet-client-certificate=" + l.key("apiserver-kubelet.crt"),
		"--kubelet-client-key=" + l.key("apiserver-kubelet.key"),
		"--kubelet-certificate-authority=" + l.key("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + l.key("sa.pub"), "--service-account-signing-key-file=" + l.key("sa.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--audit-policy-file=" + l.conf("audit-policy.yaml"), "--audit-log-path=" + l.AuditLog(),
		"--audit-log-maxsize=200", "--audit-log-maxbackup=2",
		"--requestheader-client-ca-file=" + l.key("ca.crt"), "--requestheader-allowed-names=" + aggregator,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + l.key("aggregator.crt"), "--proxy-client-key-file=" + l.key("aggregator.key"),
		"--allow-privileged=true", "--profiling=false",
	}
}

// controllerManagerFlags lift the limit on requests, which would stretch the
// start of some fifty controllers to five seconds.
func (l Layout) controllerManagerFlags() []string {
	config := l.kubeconfigOf("kube-controller-manager")
	return []string{
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false",
		"--use-service-account-credentials=true", "--kube-api-qps=200", "--kube-api-burst=400",
		"--service-account-private-key-file=" + l.key("sa.key"), "--root-ca-file=" + l.key("ca.crt"),
		"--cluster-signing-cert-file=" + l.key("ca.crt"), "--cluster-signing-key-file=" + l.key("ca.key"),
		"--cluster-cidr=" + l.Pods().String(), "--allocate-node-cidrs=false",
		"--service-cluster-ip-range=" + l.Services().String(),
	}
}

func (l Layout) schedulerFlags() []string {
	config := l.kubeconfigOf("kube-scheduler")
	return []string{
		"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
		"--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false",
	}
}

// kubeletFlags hold what the configuration file has no field for. The
// housekeeping of cAdvisor is most of what an idle kubelet does.
func (l Layout) kubeletFlags() []string {
	return []string{
		"--config=" + l.conf("kubelet.yaml"), "--kubeconfig=" + l.kubeconfigOf("kubelet"),
		"--hostname-override=" + nodeName, "--node-ip=" + l.NodeIP().String(),
		"--housekeeping-interval=30s",
	}
}
