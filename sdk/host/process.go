package host

import (
	"context"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loraconv/loraconv/core/diag"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// Process is a running plugin or worker. Its three calls are in describe.go,
// plan.go and execute.go; they may be made from several goroutines. After the
// first failure the process is dead, and each later call returns that failure.
type Process struct {
	name      string
	bundled   bool
	timeouts  Timeouts
	converter pb.ConverterClient
	executor  pb.ExecutorClient

	child  *child           // nil when attached
	client *goplugin.Client // nil when attached
	dir    *runDir          // nil when attached

	mu     sync.Mutex
	fault  *diag.Diagnostic // the first
	closed chan struct{}
	once   sync.Once
}

// Attach speaks the protocol over a connection that the caller has made and
// will close. It is for package sdktest.
func Attach(cc grpc.ClientConnInterface, name string) *Process {
	return &Process{name: name, bundled: true, timeouts: Timeouts{}.filled(), closed: make(chan struct{}),
		converter: pb.NewConverterClient(cc), executor: pb.NewExecutorClient(cc)}
}

// Name is the Command's.
func (p *Process) Name() string { return p.name }

// PID is the process id, for messages and measurements; 0 when attached.
func (p *Process) PID() int {
	if p.child == nil {
		return 0
	}
	return p.child.id()
}

// PeakRSS is the most memory that the process itself had resident, in bytes;
// 0 where that is not known. It is final after Close.
func (p *Process) PeakRSS() int64 {
	if p.child == nil {
		return 0
	}
	return p.child.peakRSS()
}

// Close ends the process and waits until nothing of it is left: in an orderly
// way within Timeouts.Kill, else by killing its process group. It may be
// called more than once.
func (p *Process) Close() {
	p.once.Do(func() {
		defer close(p.closed)
		if p.child == nil {
			return
		}
		p.child.measure()
		p.child.expectEnd()
		end(p.client, p.child, p.timeouts.Kill)
		p.dir.remove()
	})
	<-p.closed
}

// end bounds go-plugin's Kill, which has no bound of its own: it asks the
// process to shut down and waits for the answer for as long as there is a
// process (measured: for ever, when that is stopped).
func end(client *goplugin.Client, c *child, grace time.Duration) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		client.Kill()
	}()
	select {
	case <-gone:
	case <-time.After(grace):
		c.kill()
		// With the process gone every wait inside Kill ends. The bound is for
		// a process that the kernel cannot end, such as one in a dead file system.
		select {
		case <-gone:
		case <-time.After(grace):
		}
	}
	c.kill() // what is left of the group when the leader has gone by itself
	c.release()
}

// call runs one call with a time limit.
func (p *Process) call(ctx context.Context, doing string, limit time.Duration, f func(context.Context) error) error {
	if err := p.usable(ctx, doing); err != nil {
		return err
	}
	c, cancel := context.WithTimeoutCause(ctx, limit, errTimeout{limit})
	defer cancel()
	began := time.Now()
	err := f(c)
	if p.child != nil {
		p.child.measure()
	}
	if err == nil {
		return nil
	}
	cause := context.Cause(c)
	if cause == nil && status.Code(err) == codes.DeadlineExceeded && time.Since(began) > limit/2 {
		cause = errTimeout{limit} // the other side's clock was a little faster
	}
	return p.failed(ctx, doing, err, cause)
}
