#!/usr/bin/env python3
"""Write tests/data/einsum.txt: torch.einsum with its gradients, first and second, in float64.

Usage: torch_einsum.py FILE        needs python3-torch; made with 1.13.1

The format is told in oracle/text.py; the label of a case is the equation.
"""
import sys

import oracle
from oracle.case import Case
from oracle.text import text_of

CASES = (
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij,kj->ki", (2, 3), (4, 3)), ("ba,ca", (2, 3), (4, 3)),
    ("i,i->", (5,), (5,)), ("i,i->i", (5,), (5,)), ("i,j->ji", (2,), (3,)), (",->", (), ()), ("i,->i", (3,), ()),
    ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("ji", (2, 3)), ("Ab", (2, 3)), ("ii->i", (3, 3)),
    ("ii", (3, 3)), ("iji->j", (2, 3, 2)), ("iijj->ij", (2, 2, 3, 3)), ("ii,i->", (3, 3), (3,)),
    ("ii,ij->j", (3, 3), (3, 2)), ("iii->", (2, 2, 2)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
    ("bij,bkj->bki", (2, 3, 4), (2, 2, 4)), ("bi,bj->b", (2, 3), (2, 4)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 2), (2, 2, 4, 2)), ("bqhd,bkhd->bhqk", (2, 3, 2, 2), (2, 4, 2, 2)),
    ("abc,bcd->ad", (2, 3, 2), (3, 2, 4)), ("abc,cbd->da", (2, 3, 2), (2, 3, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)), ("ij,ik,jk->", (2, 3), (2, 4), (3, 4)),
    ("a,ab,abc->c", (2,), (2, 3), (2, 3, 2)), ("ij,i,j->", (2, 3), (2,), (3,)), ("i,i,i,i->i", (3,), (3,), (3,), (3,)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 2), (2, 2)), ("...ij,...jk->...ik", (2, 3, 4), (4, 2)),
    ("...ij,...jk->...ik", (2, 1, 3, 2), (3, 2, 2)), ("...,...->...", (2, 3), (3,)), ("i...->...", (2, 3, 2)),
    ("...i->...", (2, 3)), ("...", (2, 3)), ("...ij", (2, 3, 2)), ("i...j,j->...i", (2, 3, 2), (2,)),
    ("b...,...->b...", (2, 3), (3,)), ("...a,...a", (2, 3), (3,)), ("i...,i->...", (3,), (3,)),
    ("...ii->...i", (2, 3, 3)), ("ij,jk->ik", (2, 1), (3, 4)), ("ij,ij->ij", (1, 3), (2, 3)),
    ("bij,bjk->bik", (1, 3, 4), (2, 4, 2)), ("ij,jk->ik", (2, 0), (0, 3)), ("ij,jk->ik", (0, 2), (2, 3)),
    ("ij->i", (2, 0)), ("ij,k->", (2, 3), (2,)),
)


def main():
    count = 0
    with open(sys.argv[1], "w") as file:
        print(f"# made by tools/torch_einsum.py with PyTorch {oracle.torch.__version__}", file=file)
        for equation, *shapes in CASES:
            case = Case("einsum", lambda *xs: oracle.torch.einsum(equation, *xs),
                        {f"x{i}": shape for i, shape in enumerate(shapes)}, second=True, label=equation)
            file.write(text_of(case.lines()))
            count += 1
    print(f"{count} cases")


if __name__ == "__main__":
    main()
