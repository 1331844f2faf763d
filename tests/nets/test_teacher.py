"""The teacher: one vector for each patch, and a class from their mean."""

import torch
import torch.nn.functional as F

from arlearn.nets.teacher import PatchClassifier


def test_there_is_one_vector_for_each_patch_and_the_class_is_told_by_their_mean():
    torch.manual_seed(0)
    model = PatchClassifier(3, 5, 10, 8, 4).eval()
    images = torch.rand(6, 3, 16, 16)
    patches = model.patches(images)
    assert patches.shape == (6, 10, 4, 4)
    torch.testing.assert_close(model.features(images), patches.mean((2, 3)))
    wanted = patches.mean((2, 3)) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(images), wanted)
    labels = torch.arange(6) % 5
    torch.testing.assert_close(model.loss(images, labels), F.cross_entropy(wanted, labels))


def test_it_learns():
    torch.manual_seed(0)
    model = PatchClassifier(1, 2, 6, 8, 4)
    labels = torch.arange(16) % 2
    images = torch.rand(16, 1, 16, 16) * 0.1 + labels.view(-1, 1, 1, 1) * 0.9
    search, before = torch.optim.Adam(model.parameters(), 1e-2), model.loss(images, labels).item()
    for _ in range(20):
        search.zero_grad()
        model.loss(images, labels).backward()
        search.step()
    assert model.loss(images, labels).item() < before / 4
