"""Which names of a statement the search_path decides: none, where PostgreSQL's own parser finds none unqualified."""

from __future__ import annotations

from typing import Any

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind
from pglast.visitors import Visitor

# Their kind resolves the operator by its bare name, whatever is written.
_BY_BARE_NAME = {
    A_Expr_Kind.AEXPR_DISTINCT,
    A_Expr_Kind.AEXPR_NOT_DISTINCT,
    A_Expr_Kind.AEXPR_NULLIF,
    A_Expr_Kind.AEXPR_IN,
    A_Expr_Kind.AEXPR_LIKE,
    A_Expr_Kind.AEXPR_ILIKE,
    A_Expr_Kind.AEXPR_SIMILAR,
    A_Expr_Kind.AEXPR_BETWEEN,
    A_Expr_Kind.AEXPR_NOT_BETWEEN,
    A_Expr_Kind.AEXPR_BETWEEN_SYM,
    A_Expr_Kind.AEXPR_NOT_BETWEEN_SYM,
}


def names_left_to_the_path(statement: str) -> list[str]:
    """Return what a statement leaves to the search_path, each behind what it is."""
    tree = parse_sql(statement)
    known = _Known()
    known(tree)
    found = _Unqualified(known.names)
    found(tree)
    return found.found


class _Known(Visitor):
    """The names that a statement gives itself."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def visit_CommonTableExpr(self, _: Any, node: ast.CommonTableExpr) -> None:
        self.names.add(node.ctename)


class _Unqualified(Visitor):
    def __init__(self, known: set[str]) -> None:
        super().__init__()
        self.known = known
        self.found: list[str] = []

    def _check(self, what: str, names: Any) -> None:
        if names is not None and len(names) < 2:
            self.found.append(f"{what} {names[0].sval}")

    def visit_FuncCall(self, _: Any, node: ast.FuncCall) -> None:
        self._check("function", node.funcname)

    def visit_A_Expr(self, _: Any, node: ast.A_Expr) -> None:
        if node.kind in _BY_BARE_NAME:
            self.found.append(f"operator {node.kind.name} {node.name[-1].sval}")
        else:
            self._check("operator", node.name)

    def visit_TypeName(self, _: Any, node: ast.TypeName) -> None:
        self._check("type", node.names)

    def visit_TypeCast(self, _: Any, node: ast.TypeCast) -> None:
        name = node.typeName.names[-1].sval
        value = getattr(getattr(node.arg, "val", None), "sval", None)
        if name.startswith("reg") and value is not None and "." not in value:
            self.found.append(f"{name} {value}")

    def visit_RangeVar(self, _: Any, node: ast.RangeVar) -> None:
        if node.schemaname is None and node.relname not in self.known:
            self.found.append(f"relation {node.relname}")

    def visit_CollateClause(self, _: Any, node: ast.CollateClause) -> None:
        self._check("collation", node.collname)

    def visit_SubLink(self, _: Any, node: ast.SubLink) -> None:
        if node.testexpr is not None:
            self._check("operator", node.operName or [ast.String(sval="in")])

    def visit_CaseExpr(self, _: Any, node: ast.CaseExpr) -> None:
        if node.arg is not None:
            self.found.append("operator of CASE x WHEN")

    def visit_JoinExpr(self, _: Any, node: ast.JoinExpr) -> None:
        if node.usingClause or node.isNatural:
            self.found.append("operator of USING")

    def visit_SortBy(self, _: Any, node: ast.SortBy) -> None:
        self._check("operator", node.useOp)

    def visit_IndexElem(self, _: Any, node: ast.IndexElem) -> None:
        self._check("operator class", node.opclass)
        self._check("collation", node.collation)

    def visit_DropStmt(self, _: Any, node: ast.DropStmt) -> None:
        for names in node.objects:
            self._check("object", names)
