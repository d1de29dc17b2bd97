"""The rules of cases by subject: what may be told, which row of the machine holds, and what a transition changes."""
