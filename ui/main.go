// Command cardea-tray shows how the smartcard stands and asks for the PIN.
//
// It is started at log-on, waits for the session's agent and shows what the
// agent reports: in the system tray, in a status window where there is no tray,
// and in the PIN window. Started a second time it takes the first one's place.
//
// It never touches a reader or a card, and it draws nothing that a page
// supplies. Its parts are tested on Fyne's test driver; behind the build tag
// e2e a test runs the program under Xvfb, types into its window and keeps
// screenshots in build/e2e.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"github.com/go-gl/glfw/v3.4/glfw"

	"github.com/cardea-agent/cardea/agent/buildinfo"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/prompt/nodump"
	"github.com/cardea-agent/cardea/ui/pinprompt"
	"github.com/cardea-agent/cardea/ui/status"
	"github.com/cardea-agent/cardea/ui/translations"
	"github.com/cardea-agent/cardea/ui/tray"
)

// version is set by the linker.
var version = "dev"

// options are the flags.
type options struct {
	socket  string
	status  bool
	lang    string
	version bool
	json    bool
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-tray", flag.ContinueOnError)
	flags.StringVar(&o.socket, "socket", "", "meet the agent at this `path` instead of the user's own place")
	flags.BoolVar(&o.status, "status", false, "show the status window at once")
	flags.StringVar(&o.lang, "lang", "", "language, as a BCP 47 `tag`; the system's when empty")
	flags.BoolVar(&o.version, "version", false, "print the version and end")
	flags.BoolVar(&o.json, "json", false, "print it as a JSON object, with all that it was built from, and end")
	return flags
}

func main() {
	var o options
	if err := o.flags().Parse(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		os.Exit(2)
	}
	switch {
	case o.json:
		if err := buildinfo.Of("cardea-tray", version).Print(os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	case o.version:
		fmt.Println("cardea-tray", version)
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(log, o.socket, o.lang, o.status); err != nil {
		log.Error("cardea-tray ends", "reason", err)
		os.Exit(1)
	}
}

// run shows the tray until the person quits or a newer tray takes over.
func run(log *slog.Logger, socket, lang string, showStatus bool) error {
	if err := nodump.Disable(); err != nil {
		return err
	}
	if err := undrawable(); err != nil {
		log.Warn("the system's own windows ask for PINs", "reason", err)
		return withoutWindows(log, socket)
	}
	a := app.NewWithID("io.github.cardea-agent.tray")
	a.Settings().SetTheme(readable{})
	a.SetIcon(tray.AppIcon())
	say := translations.For(lang)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	sites := status.NewSites(a, say, agent(socket))
	window := status.New(a, say, sites.Show, a.Quit)
	icon := tray.NewAdapter(a, say, window.Show, sites.Show, a.Quit)
	pins := pinprompt.New(a, screenHeight, log)
	client, err := prompt.NewClient(prompt.ClientConfig{
		Path: socket, Version: version, Prompter: pins, Log: log,
		OnReport: func(r prompt.Report) {
			v := tray.Model(r, version, say)
			fyne.Do(func() {
				icon.Show(v)
				window.Update(v)
			})
		},
	})
	if err != nil {
		return err
	}
	// Fyne takes up a tray only if there is one before it runs.
	first := tray.Model(prompt.Report{}, version, say)
	icon.Show(first)
	window.Update(first)
	var serving sync.WaitGroup
	a.Lifecycle().SetOnStarted(func() {
		if showStatus {
			window.Show()
		}
		pins.Warm()
		serving.Go(func() { serve(ctx, log, client) })
	})
	a.Run()
	cancel()
	// Windows are gone with the app; what waits for one ends with ctx.
	serving.Wait()
	return nil
}

// agent is where the agent is met, for what the person answered about sites.
type agent string

func (a agent) List(ctx context.Context) (prompt.Sites, error) {
	return prompt.ListSites(ctx, string(a))
}

func (a agent) TakeBack(ctx context.Context, origin string) (prompt.Sites, error) {
	return prompt.TakeBackSite(ctx, string(a), origin)
}

// screenHeight is the height of the screen without panels, in pixels. Fyne does
// not tell, its own window library does.
func screenHeight() int {
	m := glfw.GetPrimaryMonitor()
	if m == nil {
		return 0
	}
	_, _, _, height := m.GetWorkarea()
	return height
}

// serve waits for the agent's questions, and ends the program when a newer tray
// took over.
func serve(ctx context.Context, log *slog.Logger, client *prompt.Client) {
	err := client.Run(ctx)
	if errors.Is(err, prompt.ErrSuperseded) {
		log.Info("a newer tray took over")
	} else if err != nil {
		log.Error("the agent cannot be served", "reason", err)
	}
	if ctx.Err() == nil {
		fyne.Do(fyne.CurrentApp().Quit)
	}
}
