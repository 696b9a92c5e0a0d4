package verify

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// An image is made in a root where no systemd runs, and some systems have none.
func TestADebIsInstalledAndPurgedWhereNoSystemdRuns(t *testing.T) {
	root, deb := os.Getenv("CARDEA_DEBIAN"), built(t, "deb")
	if root == "" || os.Geteuid() != 0 {
		t.Skip("without CARDEA_DEBIAN and root there is no root to install in")
	}
	const script = `
mount -t tmpfs -o mode=755 scratch "$3"
mkdir "$3/upper" "$3/work" "$3/root"
mount -t overlay -o "lowerdir=$1,upperdir=$3/upper,workdir=$3/work" overlay "$3/root"
cp "$2" "$3/root/opt/cardea.deb"
cd "$3/root"
mount -t proc proc proc
mount --rbind /dev dev
inside() { chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
all() { inside find / -xdev -not -path '/proc/*' -not -path '/dev/*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path '/var/cache/*' -not -path '/etc/*-'; }
all >"$3/before"
inside dpkg --install /opt/cardea.deb
echo ==
inside id -un cardea-broker
inside ls -l /etc/systemd/system/sockets.target.wants/cardea-broker.socket /etc/systemd/user/default.target.wants/cardea-agent.service
inside cardea-agent version
echo ==
inside dpkg --purge cardea >&2
all >"$3/after"
diff "$3/before" "$3/after" || true
! inside id cardea-broker 2>/dev/null || echo the user is still there
`
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh", root, deb, t.TempDir())
	cmd.WaitDelay = 10 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, said.String())
	}
	parts := strings.Split(string(out), "==\n")
	if len(parts) != 3 {
		t.Fatalf("it says\n%s", out)
	}
	if !strings.Contains(parts[0], "This system runs no systemd. Have it start, as the user cardea-broker:") {
		t.Errorf("nobody is told how to start it:\n%s", parts[0])
	}
	lines := strings.Split(parts[1], "\n")
	if lines[0] != "cardea-broker" || !strings.Contains(parts[1], "sockets.target.wants/cardea-broker.socket ->") ||
		!strings.Contains(parts[1], "default.target.wants/cardea-agent.service ->") || !slices.Contains(lines, "cardea-agent "+os.Getenv("CARDEA_VERSION")) {
		t.Errorf("the installation is\n%s", parts[1])
	}
	if parts[2] != "" {
		t.Errorf("a purge leaves, or takes along:\n%s", parts[2])
	}
}
