//go:build e2e

package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// needed are the parts that this test cannot do without, with the Debian
// package of each. Where one is missing the test fails.
var needed = map[string]string{
	"ipmi_sim": "openipmi", "ipmitool": "ipmitool", "prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager",
	"/usr/sbin/sshd": "openssh-server", "aiosmtpd": "python3-aiosmtpd", "bash": "bash",
}

func requirePeers(t *testing.T) {
	t.Helper()
	for program, deb := range needed {
		if _, err := exec.LookPath(program); err != nil {
			t.Errorf("%s is not installed: apt-get install %s", program, deb)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

const lanConf = `name "bmc"
set_working_mc 0x20
  startlan 1
    addr %s %d
    priv_limit admin
    allowed_auths_admin md5
    guid %s
  endlan
  chassis_control "%s"
  user 1 true "" "unused" admin 10 none
  user 2 true "piket" "%s" admin 10 md5
`

const bmcCommands = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_add_fru_data 0x20 0 %d file 0 "%s"
mc_enable 0x20
`

// startBMC runs OpenIPMI's simulator with the machine's identity.
func (m *machine) startBMC(relayAddress, password string) {
	fru := productFRU(m.serial)
	file := put(m.t, filepath.Join(m.dir, "fru"), string(fru))
	conf := put(m.t, filepath.Join(m.dir, "lan.conf"),
		fmt.Sprintf(lanConf, m.address, bmcPort, guid(m.uuid), m.script(relayAddress, "chassis", "chassis"), password))
	commands := put(m.t, filepath.Join(m.dir, "bmc.emu"), fmt.Sprintf(bmcCommands, len(fru), file))
	state := filepath.Join(m.dir, "state")
	if err := os.MkdirAll(filepath.Join(state, "ipmi_sim", "bmc"), 0o700); err != nil {
		m.t.Fatal(err)
	}
	startProcess(m.t, m.dir, "ipmi_sim", "ipmi_sim", "-c", conf, "-f", commands, "-s", state, "-n")
}

// guid writes a UUID as most vendors' BMCs send it: the first three groups
// with their bytes reversed (SMBIOS 3.7, section 7.2.1).
func guid(uuid string) string {
	u := strings.ReplaceAll(uuid, "-", "")
	order := []int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	var swapped strings.Builder
	for _, n := range order {
		swapped.WriteString(u[2*n : 2*n+2])
	}
	return swapped.String()
}

// productFRU is an FRU inventory with a product area and nothing else (IPMI
// Platform Management FRU Information Storage Definition 1.0, sections 8, 12).
func productFRU(serial string) []byte {
	var fields []byte
	for _, s := range []string{"Example", "Server", "P-1", "1", serial, ""} {
		fields = append(append(fields, byte(0xc0|len(s))), s...)
	}
	area := append([]byte{1, 0, 25}, append(fields, 0xc1)...)
	for len(area)%8 != 7 {
		area = append(area, 0)
	}
	area[1] = byte((len(area) + 1) / 8)
	header := []byte{1, 0, 0, 0, 1, 0, 0}
	return append(append(header, checksum(header)), append(area, checksum(area))...)
}

func checksum(data []byte) byte {
	var sum byte
	for _, b := range data {
		sum += b
	}
	return -sum
}

// keyFile makes an ed25519 key and returns its file and its public line.
func keyFile(t *testing.T, path string) (file, public string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file = put(t, path, string(pem.EncodeToMemory(block)))
	if err := os.Chmod(file, 0o600); err != nil { // sshd refuses a key that more may read
		t.Fatal(err)
	}
	return file, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// configureSSHD lets one key in, to a session whose systemctl is the relay.
func (m *machine) configureSSHD(relayAddress, publicKey string) {
	var hostKey string
	hostKey, m.hostKey = keyFile(m.t, filepath.Join(m.dir, "host-key"))
	bin := filepath.Dir(m.script(relayAddress, "systemctl", "bin/systemctl"))
	m.sshdConfig = put(m.t, filepath.Join(m.dir, "sshd_config"), fmt.Sprintf(`ListenAddress %s:%d
HostKey %s
AuthorizedKeysFile %s
SetEnv PATH=%s:/usr/bin:/bin
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
PidFile none
`, m.address, sshPort, hostKey, put(m.t, filepath.Join(m.dir, "authorized_keys"), publicKey+"\n"), bin))
}

// certificate makes a certificate for an address that vouches for itself.
func certificate(t *testing.T, dir, address string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example.net"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = put(t, filepath.Join(dir, "mail.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	key = put(t, filepath.Join(dir, "mail.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return cert, key
}

// startMail runs aiosmtpd, which wants STARTTLS, over a Maildir.
func (w *world) startMail(t *testing.T) {
	w.mail = startProcess(w.t, w.dir, "aiosmtpd", "aiosmtpd", "-n", "-l", w.mailAddress,
		"--tlscert", w.mailCert, "--tlskey", w.mailKey, "-c", "aiosmtpd.handlers.Mailbox", w.maildir())
	until(t, "the SMTP server listens", func() bool { return listens(w.mailAddress) })
}

// startPrometheus runs Prometheus and Alertmanager with the receiver and the
// rules that piket brings.
func (w *world) startPrometheus(t *testing.T) {
	am := put(t, filepath.Join(w.dir, "alertmanager.yml"), replaced(t, "../../deploy/alertmanager.yml", map[string]string{
		"http://127.0.0.1:9490/":        w.url + "/",
		"/etc/alertmanager/piket-token": filepath.Join(w.dir, "alertmanager.token"),
		"group_wait: 5s":                "group_wait: 1s",
		"group_interval: 1m":            "group_interval: 5s",
	}))
	startProcess(w.t, w.dir, "alertmanager", "prometheus-alertmanager", "--config.file="+am,
		"--storage.path="+filepath.Join(w.dir, "alertmanager"), "--web.listen-address="+w.alertmanager, "--cluster.listen-address=")
	put(t, filepath.Join(w.dir, "piket-rules.yml"), string(read(t, "../../deploy/prometheus-rules.yml")))
	put(t, filepath.Join(w.dir, "rules.yml"), serverRules)
	var targets strings.Builder
	for _, name := range w.names {
		m := w.machines[name]
		fmt.Fprintf(&targets, "  - {targets: ['%s:%d'], labels: {server: %s}}\n", m.address, exporterPort, m.name)
	}
	conf := put(t, filepath.Join(w.dir, "prometheus.yml"), fmt.Sprintf(prometheusConf, w.alertmanager, targets.String(), strings.TrimPrefix(w.url, "http://")))
	startProcess(w.t, w.dir, "prometheus", "prometheus", "--config.file="+conf, "--rules.alert.resend-delay=5s",
		"--storage.tsdb.path="+filepath.Join(w.dir, "prometheus"), "--web.listen-address="+w.prometheus)
	until(t, "Prometheus and Alertmanager listen", func() bool { return listens(w.prometheus) && listens(w.alertmanager) })
}

const serverRules = `groups:
- name: servers
  rules:
  - {alert: ServerUnreachable, expr: 'up{job="node"} == 0', for: 2s, annotations: {summary: "the exporter of {{ $labels.server }} does not answer"}}
  - {alert: DisksDegraded, expr: disks_degraded > 0, annotations: {summary: a disk of the array has failed}}
`

const prometheusConf = `global: {scrape_interval: 1s, scrape_timeout: 900ms, evaluation_interval: 1s}
rule_files: [rules.yml, piket-rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['%s']}]}]}
scrape_configs:
- job_name: node
  static_configs:
%s- job_name: piket
  static_configs: [{targets: ['%s']}]
`

// replaced returns a shipped file with some of its words replaced; each must
// be there.
func replaced(t *testing.T, path string, words map[string]string) string {
	t.Helper()
	text := string(read(t, path))
	for old, with := range words {
		if !strings.Contains(text, old) {
			t.Fatalf("%s no longer says %q", path, old)
		}
		text = strings.ReplaceAll(text, old, with)
	}
	return text
}

func listens(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
