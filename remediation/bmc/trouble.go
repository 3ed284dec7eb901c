package bmc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/spinware/piket/remediation"
)

// weight tells what a trouble says of the BMC.
type weight int

const (
	down     weight = iota // the BMC is silent, or not what it should be
	unproven               // nothing: the trouble is ours, or the answer is neither yes nor no
	denied                 // the BMC refuses our account: asking again may lock it
	busy                   // the BMC is there, and too slow or too busy to say anything
)

// trouble is an error in words for the timeline: what is wrong and, where there
// is something to do, what to do. It quotes no vendor text.
type trouble struct {
	weight weight
	what   string
}

func (t trouble) Error() string { return t.what }

// maxClause bounds what of a text reaches the timeline.
const maxClause = 300

func clause(text string) string { return remediation.Clause(text, maxClause) }

// networkTrouble says what kept us from the BMC at address.
func networkTrouble(address string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return trouble{unproven, "stopped before " + address + " had answered"}
	case errors.As(err, &dns):
		return trouble{unproven, fmt.Sprintf("the name of the BMC cannot be looked up (%s)", dns.Err)}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return trouble{unproven, "there is no way to " + address + " from here"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return trouble{down, address + " refuses the connection"}
	case isTimeout(err):
		return trouble{down, address + " does not answer in time"}
	}
	if t, ok := tlsTrouble(address, err); ok {
		return t
	}
	return trouble{down, fmt.Sprintf("the connection to %s broke off", address)}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// tlsTrouble explains a certificate that does not hold. Who answers
// there is not proven to be the BMC, so nothing is known of the BMC.
func tlsTrouble(address string, err error) (trouble, bool) {
	var signer x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	switch {
	case errors.Is(err, errOtherMachine):
		return trouble{unproven, "another machine answers at " + address + " than a moment ago"}, true
	case errors.As(err, &signer):
		return trouble{unproven, "the certificate of " + address + " is signed by nobody we trust: name its issuer in ca_file"}, true
	case errors.As(err, &host):
		return trouble{unproven, "the certificate of " + address + " is for another name: use an address that it names"}, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return trouble{unproven, "the certificate of " + address + " is expired or not yet valid: renew it, or set the clock"}, true
	case errors.As(err, &invalid):
		return trouble{unproven, "the certificate of " + address + " is not valid for a server"}, true
	case errors.As(err, &header):
		return trouble{down, address + " does not speak TLS"}, true
	}
	return trouble{}, false
}
