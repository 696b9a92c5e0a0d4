package prompt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// What a person answered about sites is asked and taken back as an inquiry is: by
// a connection that is no tray.

// Site is a person's answer about a site that no administrator listed.
type Site struct {
	Origin   string    `json:"origin"`
	Readable string    `json:"readable"` // as people write it; the same where that could mislead
	Allowed  bool      `json:"allowed"`  // false: they are not asked again for a while
	At       time.Time `json:"at"`
}

// Sites are all answers. Counts says that the policy lets people decide: while it
// does not, no answer counts.
type Sites struct {
	Counts  bool
	Answers []Site
}

// SiteKeeper is where the answers are.
type SiteKeeper interface {
	Sites() (Sites, error)
	// TakeBack takes an answer back. It is no error when there is none.
	TakeBack(origin string) error
}

// ErrAnswers means that the answers could not be read or changed. The agent's log
// says why.
var ErrAnswers = errors.New("prompt: the answers about sites cannot be read or changed")

// listing asks for all answers, after that about Origin was taken back unless it
// is empty.
type listing struct {
	Protocol int    `json:"protocol"`
	TakeBack string `json:"takeBack,omitzero"`
}

// listed is after the last site.
type listed struct {
	Counts bool `json:"counts"`
	Failed bool `json:"failed,omitzero"`
}

// ListSites asks the agent at path, DefaultPath when empty, what its person
// answered. No agent is ErrNoAgent.
func ListSites(ctx context.Context, path string) (Sites, error) {
	return inquireSites(ctx, path, listing{Protocol: wireVersion})
}

// TakeBackSite has the agent take the answer about an origin back, and returns
// what is left.
func TakeBackSite(ctx context.Context, path, origin string) (Sites, error) {
	return inquireSites(ctx, path, listing{wireVersion, origin})
}

func inquireSites(ctx context.Context, path string, l listing) (sites Sites, err error) {
	err = converse(ctx, path, kindListSites, l, func(conn net.Conn) error {
		sites, err = readSites(conn)
		return err
	})
	return sites, err
}

func readSites(conn net.Conn) (sites Sites, err error) {
	for {
		f, err := readFrame(conn)
		if err != nil {
			return Sites{}, err
		}
		switch f.kind {
		case kindSite:
			var s Site
			if err := f.decode(&s); err != nil {
				return Sites{}, err
			}
			sites.Answers = append(sites.Answers, s)
		case kindSitesListed:
			var end listed
			if err := f.decode(&end); err != nil {
				return Sites{}, err
			}
			if end.Failed {
				return Sites{}, ErrAnswers
			}
			sites.Counts = end.Counts
			return sites, nil
		default:
			return Sites{}, fmt.Errorf("%w: %q in a list of sites", errFrame, f.kind)
		}
	}
}

// tellSites answers it.
func (s *Server) tellSites(conn net.Conn, l listing) error {
	var sites Sites
	var err error
	if keeper := s.cfg.Sites; keeper != nil {
		if l.TakeBack != "" {
			err = keeper.TakeBack(l.TakeBack)
		}
		if err == nil {
			sites, err = keeper.Sites()
		}
	}
	if err != nil {
		s.cfg.Log.Error("the answers about sites cannot be read or changed", "err", err)
		sites = Sites{}
	}
	for _, site := range sites.Answers {
		if err := tell(conn, kindSite, site); err != nil {
			return err
		}
	}
	return tell(conn, kindSitesListed, listed{Counts: sites.Counts, Failed: err != nil})
}
