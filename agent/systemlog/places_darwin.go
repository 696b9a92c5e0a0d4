package systemlog

// The system hands on to the unified log what comes here.
func system() []place { return []place{{"/var/run/syslog", syslogFormat}} }
