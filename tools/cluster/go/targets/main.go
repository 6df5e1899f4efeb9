// Command targets tells Prometheus what to scrape: Debian's Prometheus is built
// without discovery of Kubernetes, so this program watches pods and nodes and
// writes what it finds as files that Prometheus watches (file_sd).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sort"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const (
	annotation  = "prometheus.io/"
	kubeletPort = "10250"
)

var unusual = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// target is one entry of a file_sd file.
type target struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// podTarget returns where an annotated, running pod is scraped, or nothing.
func podTarget(pod *v1.Pod) *target {
	port := pod.Annotations[annotation+"port"]
	running := pod.Status.Phase == v1.PodRunning && pod.DeletionTimestamp == nil
	if pod.Annotations[annotation+"scrape"] != "true" || port == "" || pod.Status.PodIP == "" || !running {
		return nil
	}
	found := map[string]string{}
	for name, value := range pod.Labels {
		found[unusual.ReplaceAllString(name, "_")] = value
	}
	found["namespace"], found["pod"], found["node"] = pod.Namespace, pod.Name, pod.Spec.NodeName
	if path := pod.Annotations[annotation+"path"]; path != "" {
		found["__metrics_path__"] = path
	}
	if scheme := pod.Annotations[annotation+"scheme"]; scheme != "" {
		found["__scheme__"] = scheme
	}
	return &target{[]string{net.JoinHostPort(pod.Status.PodIP, port)}, found}
}

// nodeTarget returns where a node's kubelet is scraped; a simulated node has none.
func nodeTarget(node *v1.Node) *target {
	if node.Annotations["kwok.x-k8s.io/node"] == "fake" {
		return nil
	}
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP {
			return &target{[]string{net.JoinHostPort(address.Address, kubeletPort)}, map[string]string{"node": node.Name}}
		}
	}
	return nil
}

// write replaces the file in one step when its content changes.
func write(path string, targets []*target) error {
	sort.Slice(targets, func(a, b int) bool { return targets[a].Targets[0] < targets[b].Targets[0] })
	content, err := json.MarshalIndent(targets, "", " ")
	if err != nil {
		return err
	}
	if before, err := os.ReadFile(path); err == nil && string(before) == string(content) {
		return nil
	}
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path of the kubeconfig")
	folder := flag.String("directory", "", "directory in which pods.json and nodes.json are written")
	klog.InitFlags(nil)
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil || *folder == "" {
		klog.Fatalf("-kubeconfig and -directory are needed: %v", err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	run(ctx, kubernetes.NewForConfigOrDie(config), *folder)
}

// run writes both files whenever pods or nodes change, at most twice a second, until it is told to stop.
func run(ctx context.Context, client kubernetes.Interface, folder string) {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, nodes := factory.Core().V1().Pods(), factory.Core().V1().Nodes()
	changed := make(chan struct{}, 1)
	notice := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), nodes.Informer()} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { notice() },
			UpdateFunc: func(any, any) { notice() },
			DeleteFunc: func(any) { notice() },
		})
		if err != nil {
			klog.Fatal(err)
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	notice()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		var podTargets, nodeTargets []*target
		if found, err := pods.Lister().List(labels.Everything()); err == nil {
			podTargets = collect(found, podTarget)
		}
		if found, err := nodes.Lister().List(labels.Everything()); err == nil {
			nodeTargets = collect(found, nodeTarget)
		}
		for name, targets := range map[string][]*target{"pods.json": podTargets, "nodes.json": nodeTargets} {
			if err := write(filepath.Join(folder, name), targets); err != nil {
				klog.ErrorS(err, "Cannot write targets", "file", name)
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// collect returns the targets of those objects that have one; never nil, which would be written as null.
func collect[T any](objects []T, one func(T) *target) []*target {
	targets := []*target{}
	for _, object := range objects {
		if found := one(object); found != nil {
			targets = append(targets, found)
		}
	}
	return targets
}
