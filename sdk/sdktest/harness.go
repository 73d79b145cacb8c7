package sdktest

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/host"
	"github.com/loraconv/loraconv/sdk/internal/wire"
	"github.com/loraconv/loraconv/sdk/plugin"
)

// Harness returns a converter that reaches c over a connection with the same
// code and the same limits on both sides as between two processes. (go-plugin's
// own TestPluginGRPCConn would do, but for its limit of 4 MiB, which the
// manifest of a large model exceeds.) Like the host, it gives nothing more
// after the first error.
func Harness(t testing.TB, c sdk.Converter) sdk.Converter {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := plugin.NewServer(c, nil)
	go func() { _ = server.Serve(listener) }()
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
	cc, err := grpc.NewClient("passthrough:///harness", append(wire.DialOptions(), dial, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cc.Close()
		server.Stop()
	})
	return host.Attach(cc, "under test")
}
