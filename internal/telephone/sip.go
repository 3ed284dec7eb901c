package telephone

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/diago/media"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/oneline"
	"github.com/spinware/piket/internal/trusted"
)

// trunk makes calls through a firm's own SIP trunk. Every call has a SIP address
// of its own, on a port of its own, that is there no longer than the call: between
// calls nothing of it listens.
type trunk struct {
	config  Config
	speaker Speaker
	log     *slog.Logger
}

// What SIP may take for things that are no ringing.
const (
	registerTime = 10 * time.Second
	hangUpTime   = 5 * time.Second
)

// Call makes one call.
func (k *trunk) Call(ctx context.Context, c Call) Result {
	speech, mute := k.speech(ctx, c)
	if speech == nil {
		return Result{Outcome: incident.RingFailed, Detail: mute}
	}
	var result Result
	for range portTries {
		var taken bool
		if result, taken = k.try(ctx, c, speech); !taken {
			break
		}
	}
	if mute != "" && result.Outcome != incident.RingFailed {
		result.Detail = oneline.Of(result.Detail+"; "+mute, maxDetail)
	}
	return result
}

// portTries is how often another port is chosen when somebody was quicker.
const portTries = 3

// try dials once. Where the port was taken by somebody else nothing was sent.
func (k *trunk) try(ctx context.Context, c Call, speech PCM) (result Result, taken bool) {
	p, err := k.open(ctx)
	if err != nil {
		return Result{Outcome: incident.RingFailed, Detail: err.Error()}, errors.Is(err, syscall.EADDRINUSE)
	}
	defer p.close()
	if k.config.SIP.Register {
		leave, err := p.register(ctx)
		if err != nil {
			return Result{Outcome: incident.RingFailed, Detail: err.Error()}, errors.Is(err, syscall.EADDRINUSE)
		}
		defer leave()
	}
	return p.dial(ctx, c, func(d *diago.DialogClientSession) Result {
		t := &talk{call: c, dialog: d, keys: p.keys, speech: speech, speaker: k.speaker}
		return t.run(ctx)
	})
}

// speech is what is said first; for our own people tones, when nothing speaks.
func (k *trunk) speech(ctx context.Context, c Call) (speech PCM, mute string) {
	speech, err := k.speaker.Speak(ctx, c.Language, c.Script+" "+c.Keys)
	switch {
	case err == nil:
		return speech, ""
	case c.Staff:
		return tones(), "only tones were sent: " + err.Error()
	}
	return nil, err.Error()
}

// Check says why no call could be made now.
func (k *trunk) Check(ctx context.Context) error {
	mute := k.speaker.Check()
	p, err := k.open(ctx)
	if err != nil {
		return errors.Join(mute, err)
	}
	defer p.close()
	if k.config.SIP.Register {
		leave, err := p.register(ctx)
		if err == nil {
			leave()
		}
		return errors.Join(mute, err)
	}
	return errors.Join(mute, p.options(ctx))
}

// phone is one SIP address.
type phone struct {
	*trunk
	host, domain string
	port         int
	ua           *sipgo.UserAgent
	dg           *diago.Diago
	stop         context.CancelFunc
	keys         chan string
	callID       atomic.Value // of the call that keys may come for, a string
	password     string
}

// defaultPorts are those of SIP, by transport (RFC 3261, 19.1.2).
var defaultPorts = map[string]int{"udp": 5060, "tcp": 5060, "tls": 5061}

// SplitServer reads HOST or HOST:PORT.
func SplitServer(server, transport string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(server)
	if err != nil { // without a port
		return server, defaultPorts[transport], nil
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 || host == "" {
		return "", 0, fmt.Errorf("want HOST or HOST:PORT, found %q", server)
	}
	return host, int(number), nil
}

// open makes an address from which can be called.
func (k *trunk) open(ctx context.Context) (*phone, error) {
	s := k.config.SIP
	p := &phone{trunk: k, keys: make(chan string, 8)}
	var err error
	if p.host, p.port, err = SplitServer(s.Server, s.Transport); err != nil {
		return nil, fmt.Errorf("SIP server: %w", err)
	}
	p.domain = cmp.Or(s.Domain, p.host)
	if !s.Password.IsZero() {
		password, err := s.Password.Read()
		if err != nil {
			return nil, fmt.Errorf("password of the SIP trunk: %w", err)
		}
		p.password = password.Reveal()
	}
	address := s.Address
	if address == "" {
		if address, err = addressTo(ctx, p.server()); err != nil {
			return nil, fmt.Errorf("reach the SIP trunk: %w", err)
		}
	}
	return p, p.listen(address)
}

func (p *phone) server() string { return net.JoinHostPort(p.host, strconv.Itoa(p.port)) }

// addressTo finds the address of this machine from which another is reached.
func addressTo(ctx context.Context, hostPort string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", hostPort) // sends nothing
	if err != nil {
		return "", err
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}

// silenced is the logger of the library, which tells everything, numbers and the
// digests of passwords included, and in parts knows none but one for all.
var silenced = sync.OnceValue(func() *slog.Logger {
	quiet := slog.New(slog.DiscardHandler)
	sip.SetDefaultLogger(quiet)
	media.SetDefaultLogger(quiet)
	return quiet
})

func (p *phone) listen(address string) error {
	s := p.config.SIP
	roots, err := trusted.CAs(s.CAFile)
	if err != nil {
		return fmt.Errorf("ca_file of the SIP trunk: %w", err)
	}
	quiet := silenced()
	p.ua, err = sipgo.NewUA(
		sipgo.WithUserAgent(cmp.Or(s.Username, "piket")), sipgo.WithUserAgentHostname(p.domain),
		sipgo.WithUserAgenTLSConfig(&tls.Config{RootCAs: roots, ServerName: p.host, MinVersion: tls.VersionTLS12}),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)),
	)
	if err != nil {
		return fmt.Errorf("open a SIP address: %w", err)
	}
	port := 0
	if s.Transport == "udp" {
		if port, err = freePort(address); err != nil {
			return fmt.Errorf("open a SIP address on %s: %w", address, err)
		}
	}
	p.dg = diago.NewDiago(p.ua,
		diago.WithLogger(quiet), diago.WithServerRequestMiddleware(p.doorman),
		diago.WithMediaConfig(diago.MediaConfig{Codecs: []media.Codec{media.CodecAudioAlaw, media.CodecAudioUlaw, media.CodecTelephoneEvent8000}}),
		diago.WithTransport(diago.Transport{Transport: s.Transport, BindHost: address, BindPort: port, ExternalHost: s.Public}),
	)
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	if s.Transport != "tcp" {
		return nil // what the trunk says comes to where the call was made from
	}
	if err := p.dg.ServeBackground(ctx, func(*diago.DialogServerSession) {}); err != nil {
		p.close()
		return fmt.Errorf("open a SIP address on %s: %w", address, err)
	}
	return nil
}

// freePort finds a port for a call. The library opens it a moment later; having it
// listen there first would make it ask for the same port twice.
func freePort(address string) (int, error) {
	conn, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port, nil
}

func (p *phone) close() {
	p.stop()
	_ = p.ua.Close() // nothing of it is used again
}

// register tells the trunk where we are, as some want before they take a call.
func (p *phone) register(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	uri := sip.Uri{Scheme: "sip", User: p.config.SIP.Username, Host: p.domain, UriParams: sip.NewParams(), Headers: sip.NewParams()}
	uri.UriParams.Add("transport", p.config.SIP.Transport)
	t, err := p.dg.RegisterTransaction(ctx, uri, diago.RegisterOptions{
		Username: p.config.SIP.Username, Password: p.password, ProxyHost: p.server(), Expiry: 5 * time.Minute,
	})
	if err == nil {
		err = t.Register(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("register with the SIP trunk %s: %w", p.host, err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangUpTime)
		defer cancel()
		_ = t.Unregister(ctx) // it ends by itself in five minutes
	}, nil
}

// options asks the trunk whether it is there; any answer says that it is.
func (p *phone) options(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	client, err := sipgo.NewClient(p.ua, sipgo.WithClientLogger(silenced()))
	if err != nil {
		return fmt.Errorf("ask the SIP trunk: %w", err)
	}
	request := sip.NewRequest(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: p.domain})
	request.SetTransport(sip.NetworkToUpper(p.config.SIP.Transport))
	request.SetDestination(p.server())
	if _, err := client.Do(ctx, request); err != nil {
		return fmt.Errorf("the SIP trunk %s does not answer: %w", p.server(), err)
	}
	return nil
}

// maxDetail bounds what is kept of the other side's words.
const maxDetail = 200

// dial rings, and has somebody talk when they take it up.
func (p *phone) dial(ctx context.Context, c Call, talk func(*diago.DialogClientSession) Result) (result Result, taken bool) {
	d, err := p.dg.NewDialog(sip.Uri{Scheme: "sip", User: c.Number, Host: p.domain}, diago.NewDialogOptions{Transport: p.config.SIP.Transport})
	if err != nil {
		return Result{Outcome: incident.RingFailed, Detail: oneline.Of(err.Error(), maxDetail)}, errors.Is(err, syscall.EADDRINUSE)
	}
	defer d.Close()
	d.InviteRequest.SetDestination(p.server())
	var options diago.InviteClientOptions
	options.Username, options.Password = p.config.SIP.Username, p.password
	options.WithCaller("", cmp.Or(p.config.Caller, p.config.SIP.Username, "piket"), p.domain)
	var rings atomic.Bool
	options.OnResponse = func(r *sip.Response) error {
		if r.IsProvisional() && r.StatusCode != sip.StatusTrying {
			rings.Store(true)
		}
		return nil
	}
	began := time.Now()
	ringing, cancel := context.WithTimeout(ctx, c.RingFor)
	defer cancel()
	err = invite(ringing, d, options)
	if err == nil {
		err = d.Ack(ringing)
	}
	rang := time.Since(began)
	if err != nil {
		result = refusal(err, rings.Load() && ringing.Err() != nil, ctx.Err() != nil)
		result.Rang = rang
		return result, errors.Is(err, syscall.EADDRINUSE)
	}
	p.callID.Store(d.InviteRequest.CallID().Value())
	result = talk(d)
	result.Rang, result.Code = rang, d.InviteResponse.StartLine()
	return result, false
}

// invite rings until ctx ends. The other side has a moment to say that it has
// stopped; one that never does, the library would wait for half a minute.
func invite(ctx context.Context, d *diago.DialogClientSession, options diago.InviteClientOptions) error {
	done := make(chan error, 1)
	go func() { done <- d.Invite(ctx, options) }() // ends with the address at the latest
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(hangUpTime):
		return errors.New("the trunk does not answer")
	}
}

// outcomes says what an answer of the trunk means for who was called. What is not
// in it says that the call was not made.
var outcomes = map[int]incident.RingOutcome{
	404: incident.RingRefused, 410: incident.RingRefused, 484: incident.RingRefused, 604: incident.RingRefused, // no such number
	603: incident.RingRefused, 607: incident.RingRefused, 608: incident.RingRefused, // they do not want it
	486: incident.RingBusy, 600: incident.RingBusy,
	408: incident.RingNoAnswer, 480: incident.RingNoAnswer, 487: incident.RingNoAnswer,
}

// refusal says what it means that nobody took the call up.
func refusal(err error, rangOut, stopped bool) Result {
	result := Result{Outcome: incident.RingFailed, Detail: oneline.Of(err.Error(), maxDetail)}
	var response *sipgo.ErrDialogResponse
	var value sipgo.ErrDialogResponse
	if errors.As(err, &value) {
		response = &value
	}
	switch {
	case stopped:
		result.Detail = "piket was stopped"
	case response != nil || errors.As(err, &response):
		result.Code = response.Res.StartLine()
		result.Outcome = cmp.Or(outcomes[response.Res.StatusCode], incident.RingFailed)
		result.Detail = oneline.Of(fmt.Sprintf("%d %s", response.Res.StatusCode, response.Res.Reason), maxDetail)
	case rangOut:
		result.Outcome, result.Detail = incident.RingNoAnswer, "it rang and nobody took it up"
	}
	return result
}
