package main

// How long until a change in the API server has reached every client that it concerns.

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// expect is one thing that a client must see for a change to have reached it.
type expect struct {
	typ    int
	name   string // "": a resource of any name
	marker []byte // in the resource's bytes
	absent bool   // the marker must not be in it
	gone   bool   // the resource must be removed

	id    uint32
	ch    *change
	bit   uint32
	mu    sync.Mutex
	cache map[uint64]bool
}

func (e *expect) holds(h uint64, body []byte) bool {
	if len(e.marker) == 0 {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	v, ok := e.cache[h]
	if !ok {
		v = bytes.Contains(body, e.marker) != e.absent
		e.cache[h] = v
	}
	return v
}

// change is one write to the API server, and who has seen its effect.
type change struct {
	kind     string
	target   int
	nsIdx    int // namespace index whose sidecars see it; -1: by the mesh's scoping of the target's namespace
	expects  []*expect
	apply    func() error // the timed write
	after    func() error // not timed: clean up
	affected int
	need     uint32
	bits     []atomic.Uint32 // per client
	at       []atomic.Int64  // per client: when it had seen everything
	left     atomic.Int64
	done     chan struct{}
	started  time.Time
	wrote    time.Time
	limit    time.Duration
	late     time.Duration
	noise    float64 // share of the machine that others used meanwhile
}

type watchSet struct {
	f      *fleet
	byName [nTypes]map[uint32][]*expect
	any    [nTypes][]*expect
	gones  [nTypes]map[uint32][]*expect
	all    []*change
}

func (w *watchSet) see(c *client, t int, id uint32, h uint64, body []byte, now time.Time) {
	for _, e := range w.byName[t][id] {
		if e.holds(h, body) {
			e.ch.hit(c, e.bit, now)
		}
	}
	for _, e := range w.any[t] {
		if e.ch.bits[c.idx].Load()&e.bit == 0 && e.holds(h, body) {
			e.ch.hit(c, e.bit, now)
		}
	}
}

func (w *watchSet) gone(c *client, t int, id uint32, now time.Time) {
	for _, e := range w.gones[t][id] {
		e.ch.hit(c, e.bit, now)
	}
}

func (ch *change) hit(c *client, bit uint32, now time.Time) {
	b := &ch.bits[c.idx]
	old := b.Load()
	if old&bit != 0 || old&(1<<31) != 0 { // seen before, or not concerned
		return
	}
	b.Store(old | bit) // only this client's goroutine writes here
	if old|bit == ch.need {
		ch.at[c.idx].Store(now.UnixNano())
		if ch.left.Add(-1) == 0 {
			close(ch.done)
		}
	}
}

// with returns the set with changes added and removed.
func (w *watchSet) with(f *fleet, add, del *change) *watchSet {
	n := &watchSet{f: f}
	if w != nil {
		n.all = slices.DeleteFunc(slices.Clone(w.all), func(c *change) bool { return c == del })
	}
	if add != nil {
		n.all = append(n.all, add)
	}
	if len(n.all) == 0 {
		return nil
	}
	for t := range nTypes {
		n.byName[t], n.gones[t] = map[uint32][]*expect{}, map[uint32][]*expect{}
	}
	for _, ch := range n.all {
		for _, e := range ch.expects {
			switch {
			case e.gone:
				n.gones[e.typ][e.id] = append(n.gones[e.typ][e.id], e)
			case e.name == "":
				n.any[e.typ] = append(n.any[e.typ], e)
				if e.typ == RDS {
					n.any[VHDS] = append(n.any[VHDS], e)
				}
			default:
				n.byName[e.typ][e.id] = append(n.byName[e.typ][e.id], e)
			}
		}
	}
	return n
}

// others returns the CPU seconds of everything that is not part of the benchmark.
func (d *driver) others() float64 {
	busy, _ := machineBusy()
	busy -= cpu(d.pid) + cpu(os.Getpid())
	for _, p := range d.watch {
		busy -= cpu(p)
	}
	return busy
}

// waitQuiet waits until the rest of the machine was quiet for half a second.
func (d *driver) waitQuiet(limit time.Duration) time.Duration {
	const window = 500 * time.Millisecond
	t0 := time.Now()
	for time.Since(t0) < limit {
		a, t := d.others(), time.Now()
		time.Sleep(window)
		if (d.others()-a)/time.Since(t).Seconds()/float64(runtime.NumCPU()) <= quietShare {
			break
		}
	}
	return time.Since(t0)
}

type driver struct {
	pid   int
	watch map[string]int
	f     *fleet
	k     *kube
	m     *Mesh
	mu    sync.Mutex // guards the watch set
	seq   int
	undo  map[string]func() error // by object: back to the seeded state
	spare map[int]bool            // service has its spare pod in the EndpointSlice
	extra map[int]bool            // extra service exists
	gen   string                  // makes markers unique across runs
}

func (d *driver) patch(gvr schema.GroupVersionResource, ns, name string, body M) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = d.k.at(gvr, ns).Patch(ctx, name, types.MergePatchType, b, metav1.PatchOptions{})
	return err
}

// varintMarker is how a protobuf UInt32Value of n looks; five bytes, so not there by chance.
func varintMarker(n uint64) []byte { return append([]byte{8}, protowire.AppendVarint(nil, n)...) }

// next makes the k-th change of a kind. busy tells whether a target still has an outstanding change.
func (d *driver) next(kind string, k int, busy func(string, int) bool) (*change, error) {
	m := d.m
	pick := func(n, at int) int { // the first idle target at or after `at`
		for j := 0; j < n; j++ {
			if t := (at + j) % n; busy == nil || !busy(kind, t) {
				return t
			}
		}
		return -1
	}
	d.seq++
	rev := fmt.Sprintf("rev-%s-%d", d.gen, d.seq)
	ch := &change{kind: kind, nsIdx: -1}
	switch kind {
	case "endpoint": // the spare pod of a service enters or leaves its EndpointSlice
		at := k / 2 * 37
		if busy != nil {
			at = k * 37
		}
		i := pick(m.Services, at%m.Services)
		if i < 0 {
			return nil, nil
		}
		ch.target = i
		add := !d.spare[i]
		d.spare[i] = add
		name := svcName(i) + "-x"
		set := func(add bool) error { return d.patch(gvrSlice, m.ns(i), name, M{"endpoints": m.endpoints(i, add)}) }
		for _, c := range m.clusters(i, version(m.Pods)) { // all ports, and the subset that selects the spare pod
			ch.expects = append(ch.expects, &expect{typ: EDS, name: c, marker: []byte(m.podIP(i, m.Pods)), absent: !add})
		}
		ch.apply = func() error { return set(add) }
		d.undo[kind+name] = func() error { return set(false) }
	case "vs": // another weight, and a request header with a marker as its value
		v := pick(m.VS, k%m.VS)
		if v < 0 {
			return nil, nil
		}
		i := m.vsTarget(v)
		ch.target = v
		ch.expects = []*expect{{typ: RDS, marker: []byte(rev)}}
		ch.apply = func() error { return d.patch(gvrVS, m.ns(i), svcName(i), M{"spec": m.vsSpec(v, rev, 50+d.seq%40)}) }
		d.undo[kind+svcName(i)] = func() error {
			return d.patch(gvrVS, m.ns(i), svcName(i), M{"spec": m.vsSpec(v, "rev-0", 90)})
		}
	case "dr": // connectionPool.tcp.maxConnections becomes a unique large number
		r := pick(m.DR, k%m.DR)
		if r < 0 {
			return nil, nil
		}
		i, n := m.drTarget(r), 1_000_000_000+time.Now().Unix()%100_000*1000+int64(d.seq%1000)
		ch.target = r
		for _, c := range m.clusters(i, "v1", "v2") {
			ch.expects = append(ch.expects, &expect{typ: CDS, name: c, marker: varintMarker(uint64(n))})
		}
		ch.apply = func() error { return d.patch(gvrDR, m.ns(i), svcName(i), M{"spec": m.drSpec(r, n)}) }
		d.undo[kind+svcName(i)] = func() error { return d.patch(gvrDR, m.ns(i), svcName(i), M{"spec": m.drSpec(r, 1000)}) }
	case "ap": // a path in the namespace's DENY policy: its own workloads only
		n := pick(m.Namespaces, k%m.Namespaces)
		if n < 0 {
			return nil, nil
		}
		ch.target, ch.nsIdx = n, n
		set := func(path string) error {
			return d.patch(gvrAP, m.nsName(n), "ns-policy", M{"spec": nsPolicySpec(path)})
		}
		ch.expects = []*expect{{typ: LDS, marker: []byte("/admin/" + rev)}}
		ch.apply = func() error { return set("/admin/" + rev) }
		d.undo[kind+m.nsName(n)] = func() error { return set("/admin/rev-0") }
	case "svc": // a Service (with an endpoint) appears, the next change removes it
		e := k / 2
		ns, name, ip := e%m.Namespaces, extraName(e), clusterIP(m.Services+e)
		host := name + "." + m.nsName(ns) + ".svc." + domain
		cl := "outbound|80||" + host
		ch.target = ns
		svc := m.service(m.nsName(ns), name, ip, svcName(ns), ports(0))
		sl := m.slice(m.nsName(ns), name, L{m.endpoint(ns, 0)}, ports(0)) // backed by a pod of a seeded service
		remove := func() error {
			if err := d.k.delete(svc); err != nil {
				return err
			}
			return d.k.delete(sl)
		}
		if !d.extra[e] {
			d.extra[e] = true
			ch.kind = "svc-add"
			ch.expects = []*expect{{typ: CDS, name: cl}, {typ: EDS, name: cl, marker: []byte(m.podIP(ns, 0))}, {typ: RDS, marker: []byte(host)}}
			ch.apply = func() error {
				if err := d.k.create(svc); err != nil {
					return err
				}
				return d.k.create(sl)
			}
		} else {
			d.extra[e] = false
			ch.kind = "svc-del"
			ch.expects = []*expect{{typ: CDS, name: cl, gone: true}}
			ch.apply = func() error { return d.k.delete(svc) }
			ch.after = func() error { return d.k.delete(sl) }
		}
		d.undo[kind+name] = remove
	default:
		return nil, fmt.Errorf("unknown kind of change %q", kind)
	}
	if ch.nsIdx < 0 && kind != "svc" {
		tgt := map[string]int{"endpoint": ch.target, "vs": m.vsTarget(min(ch.target, m.VS-1)), "dr": m.drTarget(min(ch.target, m.DR-1))}[kind]
		ch.scope(d.f, func(ns int) bool { return m.affects(tgt%m.Namespaces, ns) })
	} else if kind == "svc" {
		ch.scope(d.f, func(ns int) bool { return m.affects(ch.target, ns) })
	} else {
		ch.scope(d.f, func(ns int) bool { return ns == ch.nsIdx })
	}
	return ch, nil
}

// scope fixes which clients the change concerns.
func (ch *change) scope(f *fleet, in func(ns int) bool) {
	ch.bits, ch.at = make([]atomic.Uint32, len(f.clients)), make([]atomic.Int64, len(f.clients))
	for b, e := range ch.expects {
		e.ch, e.bit, e.cache = ch, 1<<b, map[uint64]bool{}
		ch.need |= e.bit
		if e.name != "" {
			e.id = f.names[e.typ].id([]byte(e.name))
		}
	}
	for i, c := range f.clients {
		if in(c.ns) {
			ch.affected++
		} else {
			ch.bits[i].Store(1 << 31)
		}
	}
	ch.left.Store(int64(ch.affected))
	ch.done = make(chan struct{})
	if ch.affected == 0 {
		close(ch.done)
	}
}

func (d *driver) register(add, del *change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.f.watch.Store(d.f.watch.Load().with(d.f, add, del))
}

// do writes the change and waits until it has reached all concerned clients.
func (d *driver) do(ch *change, timeout, late time.Duration) error {
	d.register(ch, nil)
	defer d.register(nil, ch)
	o0 := d.others()
	ch.limit, ch.late, ch.started = timeout, late, time.Now()
	defer func() {
		ch.noise = (d.others() - o0) / time.Since(ch.started).Seconds() / float64(runtime.NumCPU())
	}()
	if err := ch.apply(); err != nil {
		return err
	}
	ch.wrote = time.Now()
	select {
	case <-ch.done:
	case <-time.After(timeout):
	}
	return nil
}

// lags returns milliseconds from the return of the write to each client's receipt, and the last one's.
func (ch *change) lags() (ms []float64, last float64, lost int) {
	for i := range ch.at {
		if ch.bits[i].Load()&(1<<31) != 0 {
			continue
		}
		x := float64(ch.limit.Milliseconds()) // a client that has not seen it counts as the timeout
		if t := ch.at[i].Load(); t == 0 {
			lost++
		} else {
			x = max(0, float64(t-ch.wrote.UnixNano())/1e6) // it may overtake the API server's answer
		}
		ms = append(ms, x)
		last = max(last, x)
	}
	return
}

// hopeless is how many changes in a row may reach nobody: each of them is waited for until its time is up.
const hopeless = 2

// complain tells whom the change has not reached, or late, and returns how many changes in a row have reached nobody.
func (ch *change) complain(unheard int) int {
	_, last, lost := ch.lags()
	if lost > 0 {
		fmt.Fprintf(os.Stderr, "lost: %s has not reached %d of %d within %v\n", ch.kind, lost, ch.affected, ch.limit)
	} else if ch.isLate() {
		fmt.Fprintf(os.Stderr, "late: %s has reached the last of %d after %.0f s\n", ch.kind, ch.affected, last/1000)
	}
	if lost == 0 || lost < ch.affected {
		return 0
	}
	return unheard + 1
}

func (ch *change) isLate() bool {
	_, last, lost := ch.lags()
	return lost == 0 && last > float64(ch.late.Milliseconds())
}

type tally struct {
	lags, lasts, writes   []float64
	quietLags, quietLasts []float64 // of the changes during which the rest of the machine was quiet
	changes, lost, late   int
	quiet                 int
	affected              int
}

const quietShare = 0.15 // of the machine

func (t *tally) add(ch *change) {
	ms, last, lost := ch.lags()
	t.lags = append(t.lags, ms...)
	if len(ms) > 0 {
		t.lasts = append(t.lasts, last)
	}
	if ch.noise <= quietShare && len(ms) > 0 {
		t.quiet++
		t.quietLags = append(t.quietLags, ms...)
		t.quietLasts = append(t.quietLasts, last)
	}
	t.writes = append(t.writes, float64(ch.wrote.Sub(ch.started).Microseconds())/1e3)
	t.changes++
	t.lost += lost
	if ch.isLate() {
		t.late++
	}
	t.affected += ch.affected
}

func (t *tally) report() M {
	return M{"changes": t.changes, "quiet_changes": t.quiet, "quiet_lag_ms": quantiles(t.quietLags), "quiet_last_client_ms": quantiles(t.quietLasts),
		"clients_affected": round(float64(t.affected) / float64(max(1, t.changes))), "lost": t.lost, "late": t.late,
		"lag_ms": quantiles(t.lags), "last_client_ms": quantiles(t.lasts), "write_ms": quantiles(t.writes)}
}

func cmdConverge(args []string) error {
	fs := flag.NewFlagSet("converge", flag.ExitOnError)
	var c connectFlags
	c.flags(fs)
	kubeconfig := fs.String("kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig of the API server to change")
	kindList := fs.String("kinds", "endpoint,vs,dr,ap,svc", "kinds of change, measured one after another")
	changes := fs.Int("changes", 20, "changes per kind")
	limit := fs.Duration("change-timeout", 3*time.Minute, "a change that has not reached everybody after this is lost")
	late := fs.Duration("late", 30*time.Second, "a change that takes longer is late")
	quiet := fs.Duration("quiet", 500*time.Millisecond, "silence that separates two changes")
	idle := fs.Duration("idle", 5*time.Second, "measure the idle server this long first")
	idleBelow := fs.Float64("idle-below", 0, "before each phase wait until the machine is less than this busy, percent (0: do not wait)")
	idleLimit := fs.Duration("idle-limit", time.Minute, "wait for that at most this long")
	changeIdle := fs.Duration("change-idle", 0, "before each change wait, at most this long, until the rest of the machine is quiet (15 %)")
	verify := fs.Int("verify", 10, "at the end, compare this many clients with fresh ones of the same node (0: none)")
	rates := fs.String("rate", "", "churn: changes per second, after the one-at-a-time phases; several (2,10) are run one after the other")
	duration := fs.Duration("duration", 30*time.Second, "churn: for this long")
	mix := fs.String("mix", "endpoint=8,vs=1,dr=1", "churn: kinds and weights")
	_ = fs.Parse(args)
	k, err := newKube(*kubeconfig)
	if err != nil {
		return err
	}
	cctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.keep = *verify
	f, rep, ok, err := c.start(cctx)
	if err != nil {
		return err
	}
	out := M{"command": "converge", "args": args, "mesh": c.mesh, "connect": rep}
	fmt.Fprintf(os.Stderr, "connect: %d of %d complete\n", f.nFull.Load(), c.n)
	if !ok {
		_ = report(c.server.out, out)
		return fmt.Errorf("not all clients have a full configuration")
	}
	watch, _ := pids(c.server.watch)
	d := &driver{pid: c.server.serverPID, watch: watch, f: f, k: k, m: &c.mesh, undo: map[string]func() error{}, spare: map[int]bool{}, extra: map[int]bool{}, gen: strconv.FormatInt(time.Now().Unix(), 36)}
	defer func() {
		for name, u := range d.undo {
			if err := u(); err != nil {
				fmt.Fprintln(os.Stderr, "xdsload: restoring", name, err)
			}
		}
	}()
	if *idle > 0 {
		mt := startMeter(c.server.serverPID, watch)
		time.Sleep(*idle)
		out["idle"] = mt.end()
		fmt.Fprintln(os.Stderr, "idle: done")
	}
	phases := M{}
	out["phases"] = phases
	unheard := 0 // changes in a row that reached nobody
	for _, kind := range strings.FieldsFunc(*kindList, func(r rune) bool { return r == ',' }) {
		if unheard >= hopeless {
			break
		}
		parts := map[string]*tally{}
		waitIdle(*idleBelow, *idleLimit)
		mt, before := startMeter(c.server.serverPID, watch), f.snap()
		n, waited := *changes, time.Duration(0)
		for i := 0; i < *changes; i++ {
			ch, err := d.next(kind, i, nil)
			if err != nil {
				return err
			}
			waited += d.waitQuiet(*changeIdle)
			if err := d.do(ch, *limit, *late); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			if parts[ch.kind] == nil {
				parts[ch.kind] = &tally{}
			}
			parts[ch.kind].add(ch)
			if ch.after != nil {
				f.quiet(*quiet, *limit)
				if err := ch.after(); err != nil {
					return err
				}
			}
			time.Sleep(*quiet / 2)
			f.quiet(*quiet, *limit)
			if unheard = ch.complain(unheard); unheard >= hopeless {
				n = i + 1
				break
			}
		}
		use := mt.end()
		after := f.snap()
		m0, b0, r0, d0 := before.total()
		m1, b1, r1, d1 := after.total()
		ph := M{"usage": use, "waited_for_quiet_s": round(waited.Seconds()), "received": after.since(before), "nacks": f.nacks.Load(),
			"per_change": M{"bytes": (b1 - b0) / int64(n), "messages": round(float64(m1-m0) / float64(n)), "resources": round(float64(r1-r0) / float64(n)),
				"redundant_resources": round(float64(d1-d0) / float64(n)), "server_cpu_ms": round(use.ServerCPU / float64(n) * 1000), "client_cpu_ms": round(use.ClientCPU / float64(n) * 1000)}}
		for name, t := range parts {
			ph[name] = t.report()
		}
		phases[kind] = ph
		fmt.Fprintf(os.Stderr, "%s: %d changes in %.1f s\n", kind, n, use.Seconds)
	}
	churns := M{}
	out["churn"] = churns
	for _, r := range strings.FieldsFunc(*rates, func(r rune) bool { return r == ',' }) {
		x, err := strconv.ParseFloat(r, 64)
		if err != nil || x < 0 || x > 1000 {
			return fmt.Errorf("--rate %q", *rates)
		}
		if x == 0 || unheard >= hopeless {
			continue
		}
		waitIdle(*idleBelow, *idleLimit)
		if churns[r], err = d.churn(x, *duration, *mix, *limit, *late, c.server.serverPID, watch); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "churn: %s a second for %v\n", r, *duration)
	}
	out["gave_up"] = unheard >= hopeless
	if *verify > 0 {
		if out["verify"], err = c.verify(cctx, f); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "verify: done")
	}
	var dropped int64
	for _, cl := range f.clients {
		dropped += cl.dropped.Load()
	}
	out["end"] = M{"dropped_streams": dropped, "nacks": f.nacks.Load(), "errors": f.errors()}
	return report(c.server.out, out)
}

// verify connects fresh clients with the nodes of some old ones: after all the changes both must hold the same resources.
// It catches a server that is fast because it does not send what it should. The order of elements is not compared.
func (c *connectFlags) verify(ctx context.Context, f *fleet) (M, error) {
	f.quiet(2*time.Second, 30*time.Second)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, err := newFleet(&c.mesh, &c.server, 0, c.istioVersion, c.hostByHost)
	if err != nil {
		return nil, err
	}
	g.sotw, g.fastRetry, g.tokens = f.sotw, true, f.tokens
	for t := range g.names {
		g.names[t] = f.names[t]
	}
	var olds []*client
	for _, o := range f.clients {
		if o.keep != nil {
			olds = append(olds, o)
			fresh := &client{idx: len(g.clients), ns: o.ns, node: o.node, f: g, rng: o.rng}
			fresh.keepAll()
			g.clients = append(g.clients, fresh)
		}
	}
	_, ok := g.connect(ctx, 5, time.Minute)
	g.quiet(time.Second, 30*time.Second)
	missing, extra, different, reordered, equal := 0, 0, 0, 0, 0
	examples := []string{}
	note := func(what string, t int, id int, o *client) {
		if len(examples) < 12 {
			examples = append(examples, what+" "+shortNames[t]+" "+f.names[t].name(uint32(id))+" at "+o.node.Id)
		}
	}
	for k, fresh := range g.clients {
		o := olds[k]
		o.mu.Lock()
		fresh.mu.Lock()
		for t := range nTypes {
			for id := 0; id < max(len(o.st[t].have), len(fresh.st[t].have)); id++ {
				switch a, b := o.st[t].at(uint32(id)), fresh.st[t].at(uint32(id)); {
				case a == 0 && b != 0:
					missing++
					note("missing", t, id, o)
				case a != 0 && b == 0:
					extra++
					note("extra", t, id, o)
				case a != b:
					x, _ := canon(o.keep[t][uint32(id)])
					y, _ := canon(fresh.keep[t][uint32(id)])
					if x == y {
						reordered++
						continue
					}
					different++
					note("different", t, id, o)
				case a != 0:
					equal++
				}
			}
		}
		fresh.mu.Unlock()
		o.mu.Unlock()
	}
	return M{"clients": len(olds), "complete": ok, "missing": missing, "extra": extra, "different": different,
		"equal": equal, "equal_but_for_order": reordered, "examples": examples}, nil
}

// churn applies a mix of changes at a steady rate; several are outstanding at a time.
func (d *driver) churn(rate float64, dur time.Duration, mix string, limit, late time.Duration, pid int, watch map[string]int) (M, error) {
	var wheel []string
	for _, s := range strings.Split(mix, ",") {
		kind, w, _ := strings.Cut(s, "=")
		n, err := strconv.Atoi(w)
		if err != nil || n < 0 || n > 1000 {
			return nil, fmt.Errorf("--mix %q: want kind=weight,...", mix)
		}
		for i := 0; i < n; i++ {
			wheel = append(wheel, kind)
		}
	}
	mt, before := startMeter(pid, watch), d.f.snap()
	tallies := map[string]*tally{"all": {}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var firstErr error
	outstanding := map[string]bool{}
	busy := func(kind string, t int) bool { return outstanding[kind+strconv.Itoa(t)] }
	counts := map[string]int{}
	skipped, total := 0, int(rate*dur.Seconds())
	t0 := time.Now()
	for i := 0; i < total; i++ {
		time.Sleep(time.Until(t0.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		kind := wheel[i%len(wheel)]
		mu.Lock()
		ch, err := d.next(kind, counts[kind], busy)
		counts[kind]++
		if err != nil || ch == nil {
			mu.Unlock()
			if err != nil {
				return nil, err
			}
			skipped++ // every target of the kind has an outstanding change
			continue
		}
		key := kind + strconv.Itoa(ch.target)
		outstanding[key] = true
		mu.Unlock()
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := d.do(ch, limit, late)
			mu.Lock()
			defer mu.Unlock()
			delete(outstanding, key)
			if err != nil {
				firstErr = err
				return
			}
			if tallies[ch.kind] == nil {
				tallies[ch.kind] = &tally{}
			}
			tallies[ch.kind].add(ch)
			tallies["all"].add(ch)
			ch.complain(0)
		}()
	}
	active := time.Since(t0)
	wg.Wait()
	d.f.quiet(500*time.Millisecond, limit)
	use := mt.end()
	if firstErr != nil {
		return nil, firstErr
	}
	out := M{"rate": rate, "seconds": round(active.Seconds()), "mix": mix, "applied": tallies["all"].changes, "skipped": skipped, "usage": use, "received": d.f.snap().since(before)}
	for k, t := range tallies {
		out[k] = t.report()
	}
	return out, nil
}
