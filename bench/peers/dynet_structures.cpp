// dynet_structures.cpp -- structures.py's tasks in DyNet, on one thread, with its automatic batching.
//
//     dynet_structures [CSV] [--dynet-autobatch N]     N: 0 none, 1 by what is ready (the fastest for trees), 3 the same, held back
#include <dynet/dynet.h>
#include <dynet/expr.h>
#include <dynet/lstm.h>
#include <dynet/training.h>

#include <memory>

#include "rows.hpp"

namespace {

enum { WORDS = 1000, CLASSES = 5, TAGS = 10, LEAVES = 20, EXAMPLES = 256, TOGETHER = 16 };

using dynet::Expression;

struct Draw {
    std::uint32_t word;
    unsigned below(unsigned n) {
        word = word * 1664525u + 1013904223u;
        return (word >> 8) % n;
    }
};

struct Tree {
    unsigned word = 0, label = 0;
    std::unique_ptr<Tree> left, right;
};

std::unique_ptr<Tree> tree(Draw &draw, unsigned leaves) {
    auto made = std::make_unique<Tree>();
    if (leaves == 1) {
        made->word = draw.below(WORDS);
        return made;
    }
    const unsigned left = 1 + draw.below(leaves - 1);
    made->left = tree(draw, left);
    made->right = tree(draw, leaves - left);
    return made;
}

// A map x -> W x + b, and its parameters in the graph of the moment.
struct Affine {
    dynet::Parameter w, b;
    Expression w_now, b_now;
    void make(dynet::ParameterCollection &all, unsigned out, unsigned in) {
        w = all.add_parameters({out, in});
        b = all.add_parameters({out});
    }
    void begin(dynet::ComputationGraph &graph) {
        w_now = parameter(graph, w);
        b_now = parameter(graph, b);
    }
    Expression operator()(const Expression &x) const { return dynet::affine_transform({b_now, w_now, x}); }
};

struct State {
    Expression h, c;
};

struct TreeLSTM {
    dynet::ParameterCollection all;
    dynet::LookupParameter words;
    Affine leaf[3], inner[3], forget, out; // the gates i, o, u
    TreeLSTM() {
        words = all.add_lookup_parameters(WORDS, {128});
        for (auto &gate : leaf) gate.make(all, 128, 128);
        for (auto &gate : inner) gate.make(all, 128, 128);
        forget.make(all, 128, 128);
        out.make(all, CLASSES, 128);
    }
    void begin(dynet::ComputationGraph &graph) {
        for (auto &gate : leaf) gate.begin(graph);
        for (auto &gate : inner) gate.begin(graph);
        forget.begin(graph);
        out.begin(graph);
    }
    static State gates(const Affine *gate, const Expression &x, const Expression *kept) {
        Expression c = cmult(logistic(gate[0](x)), tanh(gate[2](x)));
        if (kept != nullptr) c = c + *kept;
        return {cmult(logistic(gate[1](x)), tanh(c)), c};
    }
    State operator()(dynet::ComputationGraph &graph, const Tree &t) {
        if (!t.left) return gates(leaf, lookup(graph, words, t.word), nullptr);
        const State l = (*this)(graph, *t.left), r = (*this)(graph, *t.right);
        const Expression kept = cmult(logistic(forget(l.h)), l.c) + cmult(logistic(forget(r.h)), r.c);
        return gates(inner, l.h + r.h, &kept);
    }
};

void trees(std::FILE *csv, const std::string &how) {
    TreeLSTM net;
    dynet::SimpleSGDTrainer sgd(net.all, 0.01f);
    sgd.clipping_enabled = false;
    Draw draw{42};
    std::vector<std::unique_ptr<Tree>> examples;
    for (int i = 0; i < EXAMPLES; i++) {
        examples.push_back(tree(draw, LEAVES));
        examples.back()->label = draw.below(CLASSES);
    }
    rows::rate(csv, "dynet trees: " + how, EXAMPLES, [&] {
        for (int at = 0; at < EXAMPLES; at += TOGETHER) {
            dynet::ComputationGraph graph;
            net.begin(graph);
            std::vector<Expression> losses;
            for (int i = at; i < at + TOGETHER; i++)
                losses.push_back(dynet::pickneglogsoftmax(net.out(net(graph, *examples[i]).h), examples[i]->label));
            const Expression loss = sum(losses) / TOGETHER;
            graph.forward(loss);
            graph.backward(loss);
            sgd.update();
        }
    });
}

using Sentence = std::vector<std::pair<unsigned, unsigned>>; // a word and its tag

struct Tagger {
    dynet::ParameterCollection all;
    dynet::LookupParameter words;
    dynet::CompactVanillaLSTMBuilder forward, backward;
    Affine out;
    Tagger() : forward(1, 64, 64, all), backward(1, 64, 64, all) {
        words = all.add_lookup_parameters(WORDS, {64});
        out.make(all, TAGS, 128);
    }
    void begin(dynet::ComputationGraph &graph) {
        forward.new_graph(graph);
        backward.new_graph(graph);
        out.begin(graph);
    }
    void losses(dynet::ComputationGraph &graph, const Sentence &sentence, std::vector<Expression> &to) {
        const size_t n = sentence.size();
        std::vector<Expression> x, there, back(n);
        for (const auto &word : sentence) x.push_back(lookup(graph, words, word.first));
        forward.start_new_sequence();
        backward.start_new_sequence();
        for (size_t i = 0; i < n; i++) there.push_back(forward.add_input(x[i]));
        for (size_t i = n; i-- > 0;) back[i] = backward.add_input(x[i]);
        for (size_t i = 0; i < n; i++)
            to.push_back(dynet::pickneglogsoftmax(out(dynet::concatenate({there[i], back[i]})), sentence[i].second));
    }
};

void tagger(std::FILE *csv, const std::string &how) {
    Tagger net;
    dynet::SimpleSGDTrainer sgd(net.all, 0.01f);
    sgd.clipping_enabled = false;
    Draw draw{42};
    std::vector<Sentence> examples(EXAMPLES);
    for (auto &sentence : examples) sentence.resize(5 + draw.below(36));
    for (auto &sentence : examples)
        for (auto &word : sentence) {
            word.first = draw.below(WORDS);
            word.second = draw.below(TAGS);
        }
    rows::rate(csv, "dynet tagger: " + how, EXAMPLES, [&] {
        for (int at = 0; at < EXAMPLES; at += TOGETHER) {
            dynet::ComputationGraph graph;
            net.begin(graph);
            std::vector<Expression> losses;
            for (int i = at; i < at + TOGETHER; i++) net.losses(graph, examples[i], losses);
            const Expression loss = sum(losses) / TOGETHER;
            graph.forward(loss);
            graph.backward(loss);
            sgd.update();
        }
    });
}

} // namespace

int main(int argc, char **argv) {
    dynet::initialize(argc, argv); // takes its own options out of argv
    std::FILE *csv = argc > 1 ? std::fopen(argv[1], "a") : nullptr;
    const std::string how =
        dynet::autobatch_flag == 0 ? "not batched" : "autobatch " + std::to_string(dynet::autobatch_flag);
    trees(csv, how);
    tagger(csv, how);
    if (csv != nullptr) std::fclose(csv);
}
