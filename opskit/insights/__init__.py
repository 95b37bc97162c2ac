"""Logs Insights QL: its grammar, compiled to DuckDB SQL over any table of log events; query files.

`parser.parse` and `compile.compile_query` turn a query into a statement over a `sql.Source`, `engine.run`
runs it, `library.load` reads `queries/*.cwli`. Nothing is imported here: the library needs no grammar.
"""
