/* Commands for people who write rules. argv[0] is the command's name. Return the exit status. [main] */
#pragma once

/* saker check [OPTION]... FILE...: loads rules files, says what is wrong or doubtful and how events find each rule. */
int cmd_check(int argc, char **argv);
/* saker explain [OPTION]... RULE CAPTURE [EVENT]: which part of a rule's condition held for an event, or for how many. */
int cmd_explain(int argc, char **argv);
