//go:build linux

package host

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/loraconv/loraconv/sdk"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

func init() { programs["bare"] = func() { must(serveBare()) } }

// must ends a program whose server has ended: that is the host's to do.
func must(err error) {
	fmt.Fprintln(os.Stderr, "served to the end:", err)
	os.Exit(1)
}

// serveBare does what the documentation of package plugin asks of a program in
// another language, and no more: go-plugin has no part in it.
func serveBare() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return err
	}
	hosts := x509.NewCertPool()
	hosts.AppendCertsFromPEM([]byte(os.Getenv("PLUGIN_CLIENT_CERT")))
	socket := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: hosts,
	})), grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	pb.RegisterConverterServer(s, rawConverter{
		describe: &pb.DescribeResponse{Json: []byte(`{"name":"p","version":"1.0.0"}`)}, plan: &pb.PlanResponse{Plan: goodPlan()},
	})
	lifeline, err := strconv.Atoi(os.Getenv("LORACONV_PLUGIN_LIFELINE"))
	if err != nil {
		return err
	}
	go func() {
		_, _ = os.NewFile(uintptr(lifeline), "lifeline").Read(make([]byte, 1))
		os.Exit(0)
	}()
	fmt.Printf("1|1|unix|%s|grpc|%s\n", socket, base64.RawStdEncoding.EncodeToString(cert))
	return s.Serve(l)
}

// A plugin may be written without go-plugin, as package plugin says.
func TestPluginInAnotherLanguage(t *testing.T) {
	p := start(t, command(t, "bare"))
	about, err := p.Describe(context.Background(), sdk.DescribeRequest{HostVersion: "0.0.0"})
	if err != nil || about.Version != "1.0.0" {
		t.Fatalf("%+v, %v", about, err)
	}
	resp, err := p.Plan(context.Background(), goodRequest())
	if err != nil || resp.Plan == nil {
		t.Fatalf("%+v, %v", resp, err)
	}
}
