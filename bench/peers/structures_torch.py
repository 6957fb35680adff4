#!/usr/bin/env python3
"""structures.py's tasks in PyTorch: as one writes them, and batched by hand.   structures_torch.py [CSV]

    trees, recursion     a function that calls itself
    trees, by level      all nodes of one height of 16 trees at once, their children gathered by index
    tagger, a sentence   nn.LSTM over one sentence after another
    tagger, packed       pack_padded_sequence, which is PyTorch's way with lengths
"""
import structures
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_sequence

torch.set_num_threads(structures.THREADS)


class TreeLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(structures.WORDS, 128)
        self.leaf, self.inner, self.forget = nn.Linear(128, 384), nn.Linear(128, 384), nn.Linear(128, 128)
        self.out = nn.Linear(128, structures.CLASSES)

    def gates(self, iou, kept):
        i, o, u = iou.chunk(3, -1)
        c = i.sigmoid() * u.tanh()
        if kept is not None:
            c = c + kept
        return o.sigmoid() * c.tanh(), c

    def join(self, h_l, c_l, h_r, c_r):
        kept = self.forget(h_l).sigmoid() * c_l + self.forget(h_r).sigmoid() * c_r
        return self.gates(self.inner(h_l + h_r), kept)

    def recursion(self, tree):
        if isinstance(tree, int):
            return self.gates(self.leaf(self.words(torch.tensor([tree]))), None)
        return self.join(*self.recursion(tree[0]), *self.recursion(tree[1]))

    def roots_by_recursion(self, trees):
        return torch.cat([self.recursion(tree)[0] for tree in trees])

    def roots_by_level(self, trees):
        levels = [[]]

        def visit(tree):
            """Puts the tree into the list of its height; returns the height and the place in that list."""
            if isinstance(tree, int):
                levels[0].append(tree)
                return 0, len(levels[0]) - 1
            pair = visit(tree[0]), visit(tree[1])
            height = 1 + max(pair[0][0], pair[1][0])
            while len(levels) <= height:
                levels.append([])
            levels[height].append(pair)
            return height, len(levels[height]) - 1

        roots = [visit(tree) for tree in trees]
        h, c = self.gates(self.leaf(self.words(torch.tensor(levels[0]))), None)
        begin = [0, len(levels[0])]
        for level in levels[1:]:
            left, right = (torch.tensor([begin[pair[k][0]] + pair[k][1] for pair in level]) for k in (0, 1))
            h_new, c_new = self.join(h[left], c[left], h[right], c[right])
            h, c = torch.cat((h, h_new)), torch.cat((c, c_new))
            begin.append(begin[-1] + len(level))
        return h[torch.tensor([begin[height] + at for height, at in roots])]


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(structures.WORDS, 64)
        self.lstm = nn.LSTM(64, 64, bidirectional=True)
        self.out = nn.Linear(128, structures.TAGS)

    def one_by_one(self, sentences):
        return torch.cat([self.out(self.lstm(self.words(words))[0]) for words in sentences])

    def packed(self, sentences):
        together = pack_sequence(sentences, enforce_sorted=False)
        states, _ = self.lstm(together._replace(data=self.words(together.data)))
        return self.out(states.data), together


def trees(name, way):
    torch.manual_seed(1)
    net = TreeLSTM()
    sgd = torch.optim.SGD(net.parameters(), lr=0.01)

    def update(batch):
        root = getattr(net, way)([tree for tree, _ in batch])
        loss = cross_entropy(net.out(root), torch.tensor([label for _, label in batch]), reduction="sum")
        sgd.zero_grad(set_to_none=True)
        (loss / structures.TOGETHER).backward()
        sgd.step()

    structures.run("torch trees: " + name, update, structures.trees())


def tagger(name, is_packed):
    torch.manual_seed(1)
    net = Tagger()
    sgd = torch.optim.SGD(net.parameters(), lr=0.01)

    def update(batch):
        words = [torch.tensor([word for word, _ in sentence]) for sentence in batch]
        tags = [torch.tensor([tag for _, tag in sentence]) for sentence in batch]
        if is_packed:
            scores, _ = net.packed(words)
            target = pack_sequence(tags, enforce_sorted=False).data
        else:
            scores, target = net.one_by_one(words), torch.cat(tags)
        loss = cross_entropy(scores, target, reduction="sum")
        sgd.zero_grad(set_to_none=True)
        (loss / structures.TOGETHER).backward()
        sgd.step()

    structures.run("torch tagger: " + name, update, structures.sentences())


print(f"PyTorch {torch.__version__}")
trees("recursion", "roots_by_recursion")
trees("by level", "roots_by_level")
tagger("a sentence at a time", False)
tagger("packed", True)
