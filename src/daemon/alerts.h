/* `saker alerts`: prints what the alert store holds, also while the daemon runs. [main] */
#pragma once

/* argv[0] is "alerts". Returns the exit status. */
int cmd_alerts(int argc, char **argv);
