"""Common networks of torchvision and timm, small: random weights, 10 classes, images as small as each takes."""

import warnings

import torch

warnings.filterwarnings("ignore")
import timm  # noqa: E402
import torchvision.models as tv  # noqa: E402
from timm.models import convmixer, mlp_mixer  # noqa: E402
from torchvision.models import regnet, swin_transformer, vision_transformer  # noqa: E402


def vision(name: str, **options):
    return lambda: getattr(tv, name)(weights=None, num_classes=10, **options)


def image(name: str, **options):
    return lambda: timm.create_model(name, pretrained=False, num_classes=10, **options)


def mixer(**options):
    return lambda: mlp_mixer.MlpMixer(num_classes=10, img_size=32, patch_size=8, num_blocks=2, embed_dim=48, **options)


def vit_b_16():
    return vision_transformer.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=3, hidden_dim=48, mlp_dim=96, num_classes=10
    )


def swin(block, **options):
    return swin_transformer.SwinTransformer([2, 2], 24, [1, 1], [2, 2], [4, 4], num_classes=10, block=block, **options)


def swin_t():
    return swin(swin_transformer.SwinTransformerBlock)


def swin_v2_t():
    return swin(swin_transformer.SwinTransformerBlockV2, downsample_layer=swin_transformer.PatchMergingV2)


def maxvit_t():
    return tv.MaxVit((32, 32), 16, 4, [16, 32], [1, 1], 8, 0.0, num_classes=10)


def regnet_y():
    settings = regnet.BlockParams([1, 1], [16, 32], [8, 8], [1.0, 1.0], [2, 2], 0.25)
    return regnet.RegNet(settings, num_classes=10)


def resnet50():
    return tv.ResNet(tv.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10)


def resnext50():
    return tv.ResNet(tv.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10, groups=32, width_per_group=4)


def wide_resnet50_2():
    return tv.ResNet(tv.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10, width_per_group=128)


def densenet121():
    return tv.DenseNet(16, (2, 2, 2, 2), 32, num_classes=10)


def slim(model, places):
    """The classifier's linear layers 64 wide instead of 4096."""
    widths = [model.classifier[places[0]].in_features, 64, 64, 10]
    for place, inputs, outputs in zip(places, widths, widths[1:]):
        model.classifier[place] = torch.nn.Linear(inputs, outputs)
    return model


def alexnet():
    return slim(tv.alexnet(weights=None), (1, 4, 6))


def vgg11_bn():
    return slim(tv.vgg11_bn(weights=None, init_weights=False), (0, 3, 6))


def convnext_tiny():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)], num_classes=10)


# name: (what makes it, side of the images)
TORCHVISION = {
    "alexnet": (alexnet, 64),
    "convnext_tiny": (convnext_tiny, 32),
    "densenet121": (densenet121, 32),
    "efficientnet_b0": (vision("efficientnet_b0"), 32),
    "googlenet": (vision("googlenet", aux_logits=False, init_weights=False), 32),
    "maxvit_t": (maxvit_t, 32),
    "mnasnet0_5": (vision("mnasnet0_5"), 32),
    "mobilenet_v2": (vision("mobilenet_v2"), 32),
    "mobilenet_v3_small": (vision("mobilenet_v3_small"), 32),
    "regnet_y": (regnet_y, 32),
    "resnet18": (vision("resnet18"), 32),
    "resnet50": (resnet50, 32),
    "resnext50_32x4d": (resnext50, 32),
    "shufflenet_v2_x0_5": (vision("shufflenet_v2_x0_5"), 32),
    "squeezenet1_1": (vision("squeezenet1_1"), 32),
    "swin_t": (swin_t, 32),
    "swin_v2_t": (swin_v2_t, 32),
    "vgg11_bn": (vgg11_bn, 32),
    "vit_b_16": (vit_b_16, 32),
    "wide_resnet50_2": (wide_resnet50_2, 32),
}

TIMM_CONVOLUTIONAL = {
    "convmixer": (lambda: convmixer.ConvMixer(32, 3, patch_size=4, num_classes=10), 32),
    "convnextv2_atto": (image("convnextv2_atto", depths=(1, 1, 1, 1)), 32),
    "edgenext_xx_small": (image("edgenext_xx_small"), 64),
    "efficientnet_lite0": (image("efficientnet_lite0"), 32),
    "fasternet_t0": (image("fasternet_t0"), 32),
    "ghostnet_050": (image("ghostnet_050"), 32),
    "inception_next_atto": (image("inception_next_atto"), 32),
    "mobilenetv4_conv_small": (image("mobilenetv4_conv_small"), 32),
    "nf_resnet26": (image("nf_resnet26"), 32),
    "nfnet_f0": (image("dm_nfnet_f0"), 32),
    "repvgg_a0": (image("repvgg_a0"), 32),
    "resnet26d": (image("resnet26d"), 32),
    "res2net50": (image("res2net50_26w_4s", layers=(1, 1, 1, 1)), 32),
    "seresnet18": (image("seresnet18"), 32),
    "skresnet18": (image("skresnet18"), 32),
    "vovnet19": (image("ese_vovnet19b_dw"), 32),
    "lcnet_050": (image("lcnet_050"), 32),
    "resnest14d": (image("resnest14d"), 32),
    "botnet26t": (image("botnet26t_256", img_size=64), 64),
    "starnet_s1": (image("starnet_s1"), 32),
    "mambaout_femto": (image("mambaout_femto", depths=(1, 1, 1, 1)), 32),
}

TIMM_TRANSFORMERS = {
    "beit_base": (image("beit_base_patch16_224", img_size=32, patch_size=8, depth=2, embed_dim=48, num_heads=3), 32),
    "cait_xxs24": (image("cait_xxs24_224", img_size=32, patch_size=8, depth=2), 32),
    "coatnet_0": (image("coatnet_nano_rw_224", img_size=32), 32),
    "deit3_small": (image("deit3_small_patch16_224", img_size=32, patch_size=8, depth=2, embed_dim=48, num_heads=3), 32),
    "deit_tiny_distilled": (image("deit_tiny_distilled_patch16_224", img_size=32, patch_size=8, depth=2), 32),
    "efficientvit_b0": (image("efficientvit_b0"), 64),
    "eva02_tiny": (image("eva02_tiny_patch14_224", img_size=28, patch_size=7, depth=2), 28),
    "levit_128s": (image("levit_128s", img_size=64), 64),
    "mixer_s16": (mixer(), 32),
    "gmlp_s16": (mixer(block_layer=mlp_mixer.SpatialGatingBlock, mlp_ratio=4, mlp_layer=timm.layers.GatedMlp), 32),
    "mobilevit_xxs": (image("mobilevit_xxs"), 64),
    "resmlp_12": (mixer(block_layer=mlp_mixer.ResBlock, mlp_ratio=4, norm_layer=mlp_mixer.Affine), 32),
    "swin_tiny": (image("swin_tiny_patch4_window7_224", img_size=32, window_size=4, depths=(2, 2), embed_dim=24, num_heads=(1, 2)), 32),
    "swinv2_tiny": (image("swinv2_tiny_window8_256", img_size=32, window_size=4, depths=(2, 2), embed_dim=24, num_heads=(1, 2)), 32),
    "vit_tiny": (image("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2), 32),
    "vit_dinov3": (image("vit_small_patch16_dinov3", img_size=32, patch_size=8, depth=2), 32),
    "visformer_tiny": (image("visformer_tiny", img_size=32), 32),
    "xcit_nano": (image("xcit_nano_12_p8_224", img_size=32, depth=2), 32),
}


def make(listing: dict, name: str, seed: int):
    """In evaluation mode; batch norms with statistics of their own and nothing zero, so that nothing is hidden."""
    torch.manual_seed(seed)
    model = listing[name][0]()
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, 0, 0.05)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_var is not None:
            module.running_var.uniform_(0.8, 1.2)
            module.running_mean.normal_(0, 0.1)
    return model.eval()
