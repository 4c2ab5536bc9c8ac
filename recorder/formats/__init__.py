"""Exports of sessions in several formats, and the files that can be imported.

A format is a module with a function ``render``, which takes an
:class:`~recorder.formats.exported_session.ExportedSession` and yields the text of the file in
pieces. To add one, write that module and add an entry to
:data:`~recorder.formats.session_exporter.FORMATS`: the choices of the command line and of the
bot and the suffixes of file names follow from the entry.
"""
