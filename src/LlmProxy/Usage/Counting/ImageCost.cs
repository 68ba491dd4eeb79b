using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// What a picture in a prompt costs, by the published rules (OpenAI's guide "Images and vision", calculating costs;
/// Anthropic's guide "Vision").
/// </summary>
/// <param name="Base">Tokens of any picture, in models that count tiles of 512 pixels; 0 in those of patches.</param>
/// <param name="Tile">Tokens of a tile.</param>
/// <param name="Patches">The most patches of 32 pixels; larger pictures are scaled down.</param>
/// <param name="SideMax">The longest side, in pixels, of a picture of patches.</param>
/// <param name="Percent">Hundredths of a token for a patch.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ImageCost(int Base, int Tile, int Patches, int SideMax, int Percent)
{
    /// <summary>Anthropic's largest, of the models that take high resolutions.</summary>
    public const int AnthropicMax = 4784;

    private const int TileSide = 512;
    private const int PatchSide = 32;

    // What fits into 2048 by 768 pixels.
    private const int TilesMax = 8;

    private static readonly ImageCost Detailed = new(0, 0, 10_000, 6_000, 100);

    private static readonly (string Prefix, ImageCost Cost)[] Families =
    [
        ("gpt-4o-mini", Tiled(2833, 5667)),
        ("gpt-4.1-mini", Patched(162)),
        ("gpt-4.1-nano", Patched(246)),
        ("gpt-5-mini", Patched(162)),
        ("gpt-5-nano", Patched(246)),
        ("gpt-5-codex-mini", Patched(100)),
        ("gpt-5.1-codex-mini", Patched(100)),
        ("gpt-5.2", Patched(100)),
        ("gpt-5.3", Patched(100)),
        ("gpt-5.4-mini", Patched(162)),
        ("gpt-5.4-nano", Patched(246)),
        ("gpt-5.4", Detailed),
        ("gpt-5.5", Detailed),
        ("gpt-5.1", Tiled(70, 140)),
        ("gpt-5-", Tiled(70, 140)),
        ("o4-mini", Patched(172)),
        ("o1", Tiled(75, 150)),
        ("o3", Tiled(75, 150)),
        ("computer-use-preview", Tiled(65, 129)),
        ("gpt-4o", Tiled(85, 170)),
        ("chatgpt-4o", Tiled(85, 170)),
        ("gpt-4.1", Tiled(85, 170)),
        ("gpt-4.5", Tiled(85, 170)),
        ("gpt-4-turbo", Tiled(85, 170)),
        ("gpt-4-vision", Tiled(85, 170)),
        ("gpt-4-1106-vision", Tiled(85, 170)),
    ];

    /// <summary>Null for a model whose rule is not published.</summary>
    public static ImageCost? Of(string? model)
    {
        var family = Tokenizers.Family(model);
        if (family.Equals("gpt-5", StringComparison.OrdinalIgnoreCase))
        {
            return Tiled(70, 140);
        }

        foreach (var (prefix, cost) in Families)
        {
            if (family.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return cost;
            }
        }

        return null;
    }

    /// <summary>The most that any picture costs in this model.</summary>
    public int Max => Base > 0 ? Base + TilesMax * Tile : Scaled(Patches);

    /// <summary>
    /// The tokens of one picture. Every detail but <c>low</c> is taken for the highest that the model has, and a
    /// model of patches is taken to ignore <c>low</c>, which is not published for it.
    /// </summary>
    public int Of(ImageSize size, bool isLow) =>
        Base == 0 ? Scaled(PatchesOf(size)) : isLow ? Base : Base + TilesOf(size) * Tile;

    /// <summary>Width times height by 750, after scaling down to what the model sees.</summary>
    public static int OfAnthropic(ImageSize size) =>
        (int)Math.Min(AnthropicMax, ((long)size.Width * size.Height + 749) / 750);

    private static ImageCost Tiled(int whole, int tile) => new(whole, tile, 0, 0, 0);

    private static ImageCost Patched(int percent) => new(0, 0, 1536, 2048, percent);

    private int Scaled(int patches) => (patches * Percent + 99) / 100;

    private static int TilesOf(ImageSize size)
    {
        var (width, height) = ((double)size.Width, (double)size.Height);
        var scale = Math.Min(1, 2048 / Math.Max(width, height));
        (width, height) = (width * scale, height * scale);
        scale = Math.Min(1, 768 / Math.Min(width, height));
        return Parts(width * scale, TileSide) * Parts(height * scale, TileSide);
    }

    private int PatchesOf(ImageSize size)
    {
        var (width, height) = ((double)size.Width, (double)size.Height);
        var scale = Math.Min(1, SideMax / Math.Max(width, height));
        (width, height) = (width * scale, height * scale);
        if (Parts(width, PatchSide) * Parts(height, PatchSide) <= Patches)
        {
            return Parts(width, PatchSide) * Parts(height, PatchSide);
        }

        var shrink = Math.Sqrt((double)PatchSide * PatchSide * Patches / (width * height));
        var (across, down) = (width * shrink / PatchSide, height * shrink / PatchSide);
        shrink *= Math.Min(Math.Floor(across) / across, Math.Floor(down) / down);
        return shrink > 0
            ? Math.Min(Patches, Parts(width * shrink, PatchSide) * Parts(height * shrink, PatchSide))
            : Patches;
    }

    /// <summary>How many are needed to cover a side, at least one. Pixels are whole.</summary>
    private static int Parts(double side, int part) =>
        Math.Max(1, ((int)Math.Round(side, MidpointRounding.AwayFromZero) + part - 1) / part);
}
