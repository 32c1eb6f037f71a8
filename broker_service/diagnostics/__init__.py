"""What was done, by whom, with which outcome: for operators, who see this and nothing else.

It promises a record of every call but the watches and those that read the records, and that making
them delays nobody: what comes faster than it can be written is counted. It refuses to show a tenant
what is not its own.
"""
