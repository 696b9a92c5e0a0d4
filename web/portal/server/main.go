// Command cardea-portal runs the sign-in site of package portal for an
// organisation, from one file of settings. docs/portal.md tells how.
//
//	cardea-portal run --config FILE          serve the site
//	cardea-portal check --config FILE        read everything that FILE names, and serve nothing
//	cardea-portal schema --config FILE       bring the database up to date, and say its version
//	cardea-portal add-user --config FILE ... add somebody, such as the first of the helpdesk
//
// It refuses a setting that it does not know and a file that it cannot read
// before it listens. It serves plain http on this computer's own addresses
// alone, for a server in front that has the certificate. It never belongs on
// the computers that people sign in from: those have cardea-agent.
//
// It is tested by running the program, in testdata/portal.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
)

// version is set by the build.
var version = "0.0.0-dev"

// The exit codes.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // what was asked for is unclear
)

const usage = `cardea-portal is a site that people sign in to with their smartcard.

Usage:
  cardea-portal run --config FILE       serve the site
  cardea-portal check --config FILE     read everything that FILE names, and serve nothing
  cardea-portal schema --config FILE    bring the database up to date, and say its version
  cardea-portal add-user --config FILE --email ADDRESS --name NAME [--role helpdesk] [--language cy]
                                        add somebody; the password is a line of the standard input
  cardea-portal version                 say which version this is
`

var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string, in *os.File, out, errs io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errs, usage)
		return exitUsage
	}
	var err error
	switch args[0] {
	case "run":
		err = onlyConfig(args, errs, func(c *config) error { return run(ctx, c, errs) })
	case "check":
		err = onlyConfig(args, errs, func(c *config) error { return check(ctx, c, out) })
	case "schema":
		err = onlyConfig(args, errs, func(c *config) error { return schema(ctx, c, out) })
	case "add-user":
		err = addUser(ctx, args, in, out, errs)
	case "version", "--version":
		_, err = fmt.Fprintln(out, "cardea-portal", version)
	case "help", "--help", "-h":
		_, err = fmt.Fprint(out, usage)
	default:
		err = fmt.Errorf("%w: there is no command %q; see cardea-portal help", errUsage, args[0])
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(errs, "cardea-portal:", err)
		return exitUsage
	}
	fmt.Fprintln(errs, "cardea-portal:", err)
	return exitFailed
}

// parse reads the flags of a command, and the settings.
func parse(flags *flag.FlagSet, args []string, errs io.Writer) (*config, error) {
	flags.SetOutput(errs)
	path := flags.String("config", "/etc/cardea-portal/portal.toml", "`file` of settings")
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%w: %q is one word too many", errUsage, flags.Arg(0))
	}
	return readConfig(*path)
}

func onlyConfig(args []string, errs io.Writer, do func(c *config) error) error {
	c, err := parse(flag.NewFlagSet("cardea-portal "+args[0], flag.ContinueOnError), args, errs)
	if err != nil {
		return err
	}
	return do(c)
}

// schema opens the database, which is what brings it up to date.
func schema(ctx context.Context, c *config, out io.Writer) error {
	kept, err := store.Open(ctx, c.Database)
	if err != nil {
		return err
	}
	has, err := kept.Version(ctx)
	if err == nil {
		_, err = fmt.Fprintf(out, "%s is of version %d.\n", c.Database, has)
	}
	return errors.Join(err, kept.Close())
}

// addUser adds somebody by hand. The site itself lets the helpdesk add others,
// but nobody of the helpdesk.
func addUser(ctx context.Context, args []string, in *os.File, out, errs io.Writer) error {
	flags := flag.NewFlagSet("cardea-portal add-user", flag.ContinueOnError)
	email := flags.String("email", "", "`address` by which they sign in")
	name := flags.String("name", "", "their full `name`")
	role := flags.String("role", string(store.RoleUser), "user or helpdesk")
	language := flags.String("language", "en", "`language` of their mails: en or cy")
	c, err := parse(flags, args, errs)
	if err != nil {
		return err
	}
	if *role != string(store.RoleUser) && *role != string(store.RoleHelpdesk) {
		return fmt.Errorf("%w: there is no role %q", errUsage, *role)
	}
	password, err := readPassword(in, errs)
	if err != nil {
		return err
	}
	kept, err := store.Open(ctx, c.Database)
	if err != nil {
		return err
	}
	a, end, err := c.accounts(kept, nil)
	if err != nil {
		return err
	}
	_, err = a.AddUser(ctx, accounts.NewUser{
		Email: *email, Name: *name, Password: password, Language: *language, Role: store.Role(*role),
	})
	if err = errors.Join(inWords(err), end()); err == nil {
		_, err = fmt.Fprintf(out, "%s can sign in.\n", *email)
	}
	return err
}

// inWords says which flag a refusal is about.
func inWords(err error) error {
	refused, ok := errors.AsType[*accounts.Error](err)
	switch {
	case !ok:
		return err
	case refused.Code == accounts.CodeEmailTaken:
		return errors.New("somebody has this e-mail address already")
	case refused.Field == accounts.FieldPassword:
		return errors.New("the password must have 15 to 256 characters")
	case refused.Field != "":
		return fmt.Errorf("--%s cannot be used as it is", refused.Field)
	}
	return err
}

// readPassword reads a line, which nobody sees who looks over the shoulder.
func readPassword(in *os.File, errs io.Writer) (string, error) {
	if term.IsTerminal(int(in.Fd())) {
		fmt.Fprint(errs, "Password: ")
		typed, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(errs)
		return string(typed), err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
