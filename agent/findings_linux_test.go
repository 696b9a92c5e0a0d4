package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-agent/cardea/agent/browserpolicy"
	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// well is for what is found on a computer that works.
func well(*computer) {}

// produced makes each finding true of a computer.
var produced = map[doctor.Code]func(c *computer){
	doctor.ServiceRuns:   well,
	doctor.ServiceDown:   func(c *computer) { c.pcsc.StopService() },
	doctor.ServiceDenied: func(c *computer) { c.driver = denied{} },

	doctor.ReaderFound: well,
	doctor.NoReader:    func(c *computer) { c.noCard = true; c.pcsc.RemoveReader("Reader 1") },
	doctor.ReaderWithoutDriver: func(c *computer) {
		c.devices = func(context.Context) ([]pcsc.Device, error) {
			return []pcsc.Device{{Name: "USB reader"}, {Name: "Second USB reader"}}, nil
		}
	},

	doctor.CardKnown:      well,
	doctor.NoCard:         func(c *computer) { c.noCard = true },
	doctor.CardUnreadable: func(c *computer) { c.profile = virtual.Dead() },
	doctor.CardUnknown:    func(c *computer) { c.profile = virtual.Foreign() },
	doctor.CardBusy: func(c *computer) {
		c.noCard, c.patience = true, 3*time.Second
		slow := virtual.NewCard(c.ca, c.profile)
		slow.Script(virtual.At(1, virtual.Delay(8*time.Second)))
		c.slot.Insert(slow)
	},
	doctor.PINLow:     func(c *computer) { c.profile = c.profile.With(virtual.OneTryLeft) },
	doctor.PINBlocked: func(c *computer) { c.profile = c.profile.With(virtual.BlockedPIN) },

	doctor.CertificateUsable:   well,
	doctor.CertificateExpiring: func(c *computer) { c.profile = c.profile.With(virtual.ExpiresIn(48 * time.Hour)) },
	doctor.CertificateExpired:  func(c *computer) { c.profile = c.profile.With(virtual.Expired) },
	doctor.CertificateTooEarly: func(c *computer) { c.profile = c.profile.With(virtual.NotYetValid) },
	doctor.CertificateExcluded: well, // the one for documents
	doctor.NoCertificate: func(c *computer) {
		c.policyText += "[certificate]\nissuers = [\"Another CA\"]\n"
	},

	doctor.ClockPlausible: well,
	doctor.ClockBehind: func(c *computer) {
		c.built = time.Now().Add(-24 * time.Hour)
		c.now = func() time.Time { return time.Now().AddDate(-5, 0, 0) }
	},

	doctor.ModuleSound:        well, // OpenSC, loaded for real
	doctor.ModuleMissing:      func(c *computer) { c.profile = virtual.Foreign(); c.module(nil, 0) },
	doctor.ModuleUntrusted:    func(c *computer) { c.module(elfLibrary(elfAMD64), 0o666) },
	doctor.ModuleArchitecture: func(c *computer) { c.module(elfLibrary(elfSPARC), 0o644) },
	doctor.ModuleBroken:       func(c *computer) { c.module(elfLibrary(elfAMD64), 0o644) }, // a head and no body
	doctor.CardListBroken:     func(c *computer) { c.cardList("[[card]]\nid = 1\n") },

	doctor.AgentRuns:         well,
	doctor.AgentMissing:      func(c *computer) { c.noAgent = true },
	doctor.AgentForeign:      anotherUserInTheAgentsPlace,
	doctor.AgentOtherVersion: func(c *computer) { c.agent = "0.0.1" },
	doctor.SystemLogMissing:  func(c *computer) { c.facts.SystemLog = "no such socket" },
	doctor.VersionsOfParts:   well,

	doctor.TrayConnected:    well,
	doctor.TrayMissing:      func(c *computer) { c.noTray = true },
	doctor.TrayOtherVersion: func(c *computer) { c.tray = "0.0.1" },
	doctor.TerminalAsks:     func(c *computer) { c.noTray, c.facts.Asks = true, "terminal" },

	doctor.PortOurs:    well,
	doctor.PortFree:    func(c *computer) { c.noAgent = true },
	doctor.PortForeign: func(c *computer) { c.facts.Process = os.Getppid() },
	doctor.PortOtherUser: func(c *computer) {
		c.facts.Addresses, c.facts.Process = []string{listenAsNobody(c)}, os.Getpid()
	},
	doctor.PortBroker: func(c *computer) {
		c.facts.Addresses, c.facts.Broker = []string{listenAsNobody(c)}, "/run/cardea/broker.sock"
	},
	doctor.PortDiffers: func(c *computer) { c.brokerAt(listenAsNobody(c)) },
	doctor.PortHalf: func(c *computer) {
		c.facts.Addresses = []string{c.listen("127.0.0.1:0").Addr().String()}
	},
	doctor.LoopbackWorks:     well,
	doctor.LoopbackBroken:    inAComputerWithoutNetwork,
	doctor.LoopbackOneFamily: inAComputerWithoutNetwork,
	doctor.LocalhostElsewhere: func(c *computer) {
		c.lookup = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1", "192.0.2.7"}, nil }
	},

	doctor.PolicyGood: well,
	doctor.PolicyBad:  func(c *computer) { c.policyText = "[[orgin]]\n" },
	doctor.PolicyPersonal: func(c *computer) {
		c.file("own.toml", "[[origin]]\nurl = \"https://own.example\"\n") // not the person's to say
		c.places = policy.Places{User: filepath.Join(c.root, "own.toml")}
	},
	doctor.PolicyOld: func(c *computer) { c.facts.PolicyProblems = []string{"policy.toml line 1: there is no setting orgin"} },
	doctor.PolicyOwn: func(c *computer) {
		c.facts.PolicyFile = filepath.Join(c.root, "policy.toml")
	},
	doctor.AutostartOff: func(c *computer) { c.policyText = "autostart = false\n" + c.policyText },
	doctor.OriginListed: well,
	doctor.OriginsAsked: func(c *computer) { c.policyText += "[origins]\nask = true\n" },
	doctor.NoOrigin:     func(c *computer) { c.policyText = "" },

	doctor.BrowserAllows: well,
	doctor.BrowserAsks: func(c *computer) {
		c.file("/etc/chromium/policies/managed/cardea.json", `{"LoopbackNetworkAllowedForUrls": ["https://other.example:443"]}`)
	},
	doctor.BrowserBlocks: func(c *computer) {
		c.file("/etc/chromium/policies/managed/other.json", `{"LoopbackNetworkBlockedForUrls": ["[*.]example"]}`)
	},
	doctor.BrowserPolicyBroken: func(c *computer) { c.file("/etc/chromium/policies/managed/other.json", `{`) },
	doctor.NoBrowser: func(c *computer) {
		c.browser = func(b browserpolicy.Browser) (browserpolicy.InForce, error) {
			return browserpolicy.LinuxInForce(c.t.TempDir(), b)
		}
	},

	doctor.SessionAtScreen: well,
	doctor.SessionRemote:   func(c *computer) { c.session(desktop.Session{Kind: desktop.Remote, How: "RDP"}) },
	doctor.SessionLocked:   func(c *computer) { c.session(desktop.Session{Kind: desktop.AtScreen, Locked: true}) },
	doctor.SessionNone:     func(c *computer) { c.session(desktop.Session{Kind: desktop.None}) },

	doctor.CheckTimedOut: func(c *computer) {
		until := make(chan struct{})
		c.t.Cleanup(func() { close(until) })
		c.driver, c.patience = stuck{until}, 200*time.Millisecond
	},
	doctor.CheckFailed: func(c *computer) {
		c.listens = func(uint16) ([]peer.Listener, error) { return nil, errors.New("peer: permission denied") }
	},
}

// brokerAt has a machine service whose socket unit has that address.
func (c *computer) brokerAt(address string) {
	at := netip.MustParseAddrPort(address)
	c.facts.Addresses, c.facts.Broker = []string{"/run/cardea/broker.sock"}, "/run/cardea/broker.sock"
	c.held = func(context.Context) ([]uint16, error) { return []uint16{at.Port()}, nil }
}

func (c *computer) session(s desktop.Session) {
	c.desktop = func(context.Context) (desktop.Session, error) { return s, nil }
}
