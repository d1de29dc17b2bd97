"""Register files as agencies export them: XLSX, CSV in UTF-8 and GB18030, JSON Lines; read as a stream.

    with open_register(path, Terms(today)) as register:
        for row in register:
            ...

A fault of a row refuses the row and nothing else. A fault of the headings refuses the file before its first row.
"""

from intake.files.columns import Column
from intake.files.register import Register, open_register
from intake.files.rows import Finding, Row, Terms

__all__ = ["Column", "Finding", "Register", "Row", "Terms", "open_register"]
