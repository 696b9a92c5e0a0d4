package verify

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	clinic   = "https://portal.example"
	stranger = "https://strange.example"
)

// msis are packages of the programs in three versions. The programs are the same:
// what an upgrade must keep is not in them.
func (w *wine) msis(versions ...string) (paths []string) {
	w.t.Helper()
	for _, version := range versions {
		path := filepath.Join(w.folder, version+".msi")
		cmd := exec.CommandContext(w.t.Context(), "installer/windows/build.sh", version, os.Getenv("CARDEA_WINDOWS"), path)
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			w.t.Fatalf("%v\n%s", err, out)
		}
		paths = append(paths, "z:"+path)
	}
	return paths
}

// freePort is a port of this machine that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// answer is what a page in the prefix hears. Wine finds out whose a connection is
// once its program has used it, so one may be cut off before, and now and then a
// program of Wine ends and says nothing: as the client library does, the page tries
// again. Under Wine the first that dials a new pipe of
// go-winio's gets no answer either, which takes the agent 40 seconds to see.
func (w *wine) answer(address, origin string) (heard string) {
	w.t.Helper()
	w.await("an answer to "+origin, func() error {
		out, code := w.run("caller.exe", address, origin)
		if heard = strings.TrimSpace(out); code != 0 || heard == "" || strings.HasPrefix(heard, "no answer") {
			return fmt.Errorf("%q, with the exit code %d", heard, code)
		}
		return nil
	})
	return heard
}

// letsIn tries a site of the settings, a strange one, and a stranger.
func (w *wine) letsIn(address string) {
	w.t.Helper()
	began := time.Now()
	if got := w.answer(address, clinic); got != "let in" {
		w.t.Errorf("the site: %s", got)
	}
	w.t.Logf("the site is let in %v after it was first tried", time.Since(began).Round(100*time.Millisecond))
	if got := w.answer(address, stranger); got != "refused 403" {
		w.t.Errorf("a strange site: %s", got)
	}
	// Whoever is no user of that Windows is told nothing: this process is none.
	conn, err := net.DialTimeout("tcp", address, limit)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	_, _ = io.WriteString(conn, "GET /cardea HTTP/1.1\r\nHost: "+address+"\r\nOrigin: "+clinic+"\r\n\r\n")
	if answer, err := io.ReadAll(conn); len(answer) > 0 || os.IsTimeout(err) {
		w.t.Errorf("a stranger to the computer hears %q, %v", answer, err)
	}
}

// version is that of the installed product, as Windows lists it.
func (w *wine) version() string {
	w.t.Helper()
	for name, value := range w.values(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`) {
		if strings.HasSuffix(name, `\ DisplayVersion`) {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// settings are what the installer wrote of what it was told.
func (w *wine) settings() map[string]string {
	w.t.Helper()
	told := map[string]string{}
	for name, value := range w.values(`HKLM\SOFTWARE\Cardea`) {
		_, name, isValue := strings.Cut(name, ` \ `)
		if value = strings.Trim(value, `"`); isValue && value != "" {
			told[name] = value
		}
	}
	return told
}

func (w *wine) servicesRun() {
	w.t.Helper()
	for _, name := range []string{"CardeaBroker", "CardeaSupervisor"} {
		w.await(name+" to run", func() error {
			out, _ := w.run("sc", "query", name)
			if !regexp.MustCompile(`STATE\s+: 4`).MatchString(out) {
				return fmt.Errorf("%s", out)
			}
			return nil
		})
	}
}

// installersOwn is what Windows Installer leaves of itself, and what Wine writes
// at each start.
var installersOwn = []string{
	`HKEY_LOCAL_MACHINE\Software\Classes\Installer`, `HKEY_LOCAL_MACHINE\Software\Microsoft\Windows\CurrentVersion\Installer`,
	`HKEY_LOCAL_MACHINE\System\CurrentControlSet\Control\Video`, `HKEY_LOCAL_MACHINE\System\CurrentControlSet\Control\Class`,
	`HKEY_LOCAL_MACHINE\System\CurrentControlSet\Control\DeviceClasses`, `HKEY_LOCAL_MACHINE\System\CurrentControlSet\Enum`,
	`HKEY_LOCAL_MACHINE\System\CurrentControlSet\Control\ServiceCurrent`,
	`windows/Installer`, `windows/temp`,
}

// profiles are what people's agents and trays wrote. Wine 8 cannot delete below a
// folder that is held open, which is how the removal does it; a test of the agent
// has it done elsewhere.
var profiles = []string{`users/`}

func TestAnMSIIsInstalledUsedUpgradedRepairedAndRemoved(t *testing.T) {
	w := newWine(t)
	w.buildCaller()
	msi := w.msis("1.0.0", "1.1.0")
	older, newer := msi[0], msi[1]
	port := freePort(t)
	address := net.JoinHostPort("127.0.0.1", port)
	files, values := w.files(), w.values("HKLM")
	// What is told, and what is kept of it.
	origins := clinic + ";https://sign.example {rights = ['authenticate', 'sign']}"
	contacts := "administrator {name = 'Service desk', phone = '123'}"
	want := map[string]string{"origin": origins, "listen.port": port, "removal.action": "signOut", "contact": contacts, "browserPolicy": "1"}

	w.runs("the installation", "/i", older, "ORIGINS="+origins, "PORT="+port, "REMOVALACTION=signOut", "SUPPORTCONTACTS="+contacts, "BROWSERPOLICY=1")
	w.installed(want, "1.0.0")
	w.letsIn(address)
	const told = `hkey_local_machine\software\policies\chromium\loopbacknetworkallowedforurls \ 1`
	if got := w.values(`HKLM\SOFTWARE\Policies\Chromium`)[told]; got != `"`+clinic+`:443"` {
		t.Errorf("browsers are told %q", got)
	}

	w.runs("the upgrade", "/i", newer, "LOGLEVEL=debug")
	want["log.level"] = "debug"
	w.installed(want, "1.1.0")
	w.letsIn(address)

	if code := w.msiexec("/i", older); code == 0 {
		t.Error("an older version takes the newer one's place")
	}
	w.installed(want, "1.1.0")

	license := w.drive("Program Files/Cardea/LICENSE.txt")
	if err := os.Remove(license); err != nil {
		t.Fatal(err)
	}
	// What msiexec /fa does, which Wine's cannot.
	w.runs("the repair", "/i", newer, "REINSTALL=ALL", "REINSTALLMODE=amus")
	if _, err := os.Stat(license); err != nil {
		t.Errorf("a repair does not mend: %v", err)
	}
	w.installed(want, "1.1.0")

	w.runs("the removal", "/x", newer)
	w.nothingIsLeft(files, values)
}

// runs runs the installer, which must go well.
func (w *wine) runs(what string, args ...string) {
	w.t.Helper()
	began := time.Now()
	if code := w.msiexec(args...); code != 0 {
		w.t.Fatalf("%s ends with %d", what, code)
	}
	w.t.Logf("%s takes %v", what, time.Since(began).Round(100*time.Millisecond))
}

// buildCaller makes the program that calls agents as pages do.
func (w *wine) buildCaller() {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "go", "build", "-o", filepath.Join(w.folder, "caller.exe"), "./caller")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
}

func (w *wine) installed(want map[string]string, version string) {
	w.t.Helper()
	if got := w.version(); got != version {
		w.t.Errorf("installed is %q, want %s", got, version)
	}
	got := w.settings()
	for name, value := range want {
		if got[name] != value {
			w.t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		w.t.Errorf("settings are %v, want %v", got, want)
	}
	w.servicesRun()
	// The agent counts them as what the computer's administrator decided.
	if shown := w.does(`C:\Program Files\Cardea\cardea-agent.exe`, "policy", "show"); !strings.Contains(shown, `machine HKLM\SOFTWARE\Cardea\Settings`) {
		w.t.Errorf("the agent's settings are\n%s", shown)
	}
}

func (w *wine) nothingIsLeft(files, values map[string]string) {
	w.t.Helper()
	for _, difference := range leftBehind(files, w.files(), append(profiles, installersOwn...)...) {
		w.t.Errorf("file %s", difference)
	}
	for _, difference := range leftBehind(values, w.values("HKLM"), installersOwn...) {
		w.t.Errorf("registry: %s", difference)
	}
}

func TestAnMSIThatIsToldWrongThingsChangesNothing(t *testing.T) {
	w := newWine(t)
	msi := w.msis("1.0.0")[0]
	files, values := w.files(), w.values("HKLM")
	for _, wrong := range []string{"REMOVALACTION=logOff", "PORT=70000", "BROWSERPOLICY=yes", "ORIGINS=http://portal.example", "SESSIONLIMIT=soon"} {
		if code := w.msiexec("/i", msi, wrong); code == 0 {
			t.Errorf("with %s it is installed", wrong)
		}
	}
	w.nothingIsLeft(files, values)
}
