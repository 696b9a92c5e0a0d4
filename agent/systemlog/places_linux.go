package systemlog

func system() []place {
	return []place{
		{"/run/systemd/journal/socket", journalFormat},
		{"/dev/log", syslogFormat},
	}
}
