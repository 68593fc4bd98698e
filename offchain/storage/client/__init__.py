"""The client: stores files and directories, gets them back verified."""
