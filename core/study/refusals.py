"""Recognise refusals in languages other than English: an apology, then "I cannot", then the verb for writing or helping.

For English see `core.llm.text.REFUSING`. A refusal must stand at the beginning of an answer, as a text may well speak of
something impossible: either an apology comes first, or the first words say that the model does not write such texts.
"""

import re

LONGEST_START = 60
LONGEST_GAP = 80

Words = tuple[str, str, str]  # patterns of the apology, of "I cannot", and of the verb; "" where the verb says both

SPOKEN: dict[str, Words] = {
    "es": (
        r"lo (?:siento|lamento)|lamento|disc[uú]lp\w+|perd[oó]n\w*|me temo|lamentablemente",
        r"no (?:puedo|podré|podemos|voy a|debo|me es posible|me está permitido|soy capaz|estoy en condiciones)",
        r"(?:escrib|redact|gener|cre[ao]|produ[cz]|proporcion|ayud|cumpl|atend|complac)\w*",
    ),
    "pt": (
        r"desculp\w+|lamento|sinto muito|infelizmente|perdão|peço desculpa\w*",
        r"não (?:posso|poderei|consigo|podemos|vou|devo|me é possível|sou capaz|estou autorizad\w+)",
        r"(?:escrev|redig|ger[ao]|cri[ae]|produz|fornec|ajud|cumpr|atend)\w*",
    ),
    "fr": (
        r"désolée?s?|je m['’]excuse|excusez-moi|je regrette|malheureusement|je crains|navrée?",
        r"je ne (?:peux|pourrai|puis|saurais|vais|suis) (?:malheureusement )?pas|il m['’]est impossible|je refuse",
        r"(?:écri|rédig|génér|cré[ea]|produi|fourni|aide|satisfai|accéd)\w*|donner suite",
    ),
    "de": (
        r"(?:es )?tut mir (?:sehr )?leid|entschuldig\w*|leider|ich bedaue?re",
        r"(?:kann|darf|werde|möchte) ich\b.{0,40}?\b(?:nicht|kein\w*)|ich (?:kann|darf|werde|möchte)\b.{0,40}?\b(?:nicht|kein\w*)",
        r"(?:schreib|erstell|verfass|generier|erzeug|helf|behilflich|liefer|bereitstell|erfüll|nachkomm|unterstütz|weiterhelf)\w*",
    ),
    "it": (
        r"mi (?:dispiace|scuso)|spiacent\w|purtroppo|scusa\w*",
        r"non (?:posso|potrò|sono in grado|sono autorizzat\w|mi è possibile)",
        r"(?:scriv|gener|cre[ao]|produ[rc]|redig|forni|aiut|soddisf|assist)\w*",
    ),
    "nl": (
        r"sorry|het spijt me|helaas|excuses",
        r"(?:kan|mag|zal) ik\b.{0,40}?\b(?:niet|geen)|ik (?:kan|mag|zal)\b.{0,40}?\b(?:niet|geen)",
        r"(?:schrij|gener|maken|help|voldoe|produce|lever|opstel)\w*",
    ),
    "nordic": (
        r"tyvärr|förlåt|(?:jag är )?ledsen|beklager|desværre|dessverre|undskyld|unnskyld",
        r"(?:kan|får) (?:jag|jeg)\b.{0,20}?\b(?:inte|ikke)|(?:jag|jeg) (?:kan|får)\b.{0,20}?\b(?:inte|ikke)",
        r"(?:skriv|hjälp|hjelp|hjælp|skap|gener|lage|lave|producer)\w*",
    ),
    "pl": (
        r"przepraszam|przykro mi|niestety",
        r"nie (?:mogę|jestem w stanie|będę)",
        r"(?:napis|pis|pomóc|stworzy|tworzy|wygener|gener|spełni|udost)\w*",
    ),
    "cs": (
        r"omlouvám se|promiňte|bohužel|je mi líto",
        r"ne(?:mohu|můžu|dokážu)",
        r"(?:napsat|psát|pomoc|vytvo|gener|vyhov|poskyt)\w*",
    ),
    "ro": (r"îmi pare rău|din păcate|regret", r"nu (?:pot|voi)", r"(?:scri|gener|crea|ajut|produ|oferi)\w*"),
    "ru": (
        r"извин\w+|прост\w+|к сожалению|сожале\w+|мне жаль",
        r"не (?:могу|смогу|буду|в состоянии|имею возможности)",
        r"(?:напис|писа|созда|генерир|сгенерир|помо[чг]|выполн|предостав|продолж|состав)\w*",
    ),
    "uk": (
        r"вибач\w+|перепрош\w+|на жаль|мені шкода",
        r"не (?:можу|зможу|буду|в змозі)",
        r"(?:напис|писа|створ|генер|згенер|допом|викон|нада)\w*",
    ),
    "el": (r"λυπάμαι|συγγνώμη|δυστυχώς", r"δεν (?:μπορώ|είμαι σε θέση)", r"(?:γράψ|δημιουργ|βοηθ|παρέχ|παράσχ)\w*"),
    "fi": (r"valitettavasti|pahoittelen|anteeksi", r"en (?:voi|pysty)", r"(?:kirjoit|autta|luoda|tuott)\w*"),
    "hu": (r"sajnálom|elnézést|sajnos", r"nem", r"írhatok|segíthetek|(?:írni|létrehoz|segít|gener|készít)\w*"),
    "tr": (
        r"üzgünüm|maalesef|özür dilerim|kusura bakm\w+",
        r"",
        r"(?:yaz|oluştur|üret|yardımcı ol|yardım ed|yerine getir)[ae]m(?:am|em|ıyorum|iyorum)",
    ),
    "vi": (r"(?:tôi )?(?:rất )?xin lỗi|rất tiếc", r"không thể", r"viết|tạo|giúp|cung cấp|hỗ trợ|thực hiện|đáp ứng"),
    "id": (
        r"(?:mohon )?maaf",
        r"tidak (?:bisa|dapat|boleh|mampu)",
        r"(?:menulis|membuat|memban|mengh|memenuhi|menyedia)\w*",
    ),
    "ar": (
        r"آسف\w*|عذر\w*|عذرًا|أعتذر|للأسف|المعذرة",
        r"لا (?:أستطيع|يمكنني|أقدر)|لن (?:أتمكن|أستطيع)|غير قادر",
        r"كتاب|إنشاء|مساعد|تقديم|توليد|أكتب|تلبية|إنتاج",
    ),
    "fa": (r"متأسف\w*|متاسف\w*|ببخشید|پوزش", r"نمی.?توانم|قادر نیستم|نیستم", r""),
    "he": (
        r"מצטער\w*|סליחה|לצערי",
        r"לא (?:יכול\w*|אוכל|ניתן)|איני יכול\w*|אינני יכול\w*",
        r"לכתוב|ליצור|לעזור|לסייע|לספק",
    ),
    "hi": (r"क्षमा|माफ|खेद", r"", r"(?:लिख|बना|मदद).{0,15}?(?:नहीं|असमर्थ)|नहीं (?:लिख|बना|दे)"),
    "th": (r"ขออภัย|ขอโทษ|เสียใจ", r"ไม่สามารถ", r"เขียน|สร้าง|ช่วย"),
    "zh": (
        r"抱歉|对不起|對不起|很遗憾|很遺憾|不好意思",
        r"不能|无法|無法|不可以|不便|没办法|沒辦法|不会|不會",
        r"写|寫|撰|编写|編寫|生成|创作|創作|创建|(?:为|帮|幫|向|給|给)[您你]|协助|協助|满足|滿足[您你]|完成[您你]|(?:这|此|該|该)[类類种種样樣]",
    ),
    "ja": (
        r"申し訳|すみません|ごめん|恐れ入り|恐縮",
        r"",
        r"(?:手伝|応え|応じ|要望|作成|生成|提供|書く|執筆|対応|受け).{0,15}?(?:ません|かね|ない)|書けません|お断り|差し控え",
    ),
    "ko": (
        r"죄송|미안",
        r"",
        r"(?:작성|생성|제공|도와|도움|만들|수행|써|쓸).{0,15}?(?:수\s*없|어렵|어려울|불가|못)",
    ),
}
AT_ONCE = re.compile(
    r"""^\W*(?:
        no\ (?:puedo|voy\ a)\ (?:escribir|generar|crear|redactar|producir|ayudarte\ con|proporcionar)\ (?:\w+\ ){0,3}?
            (?:textos?|contenidos?|mensajes?|reseñas?|ejemplos?|tuits?|solicitud|petición|eso|esto)\b
        |não\ (?:posso|vou|consigo)\ (?:escrever|gerar|criar|redigir|produzir|ajudar\ com|fornecer)\ (?:\w+\ ){0,3}?
            (?:textos?|conteúdos?|mensage(?:m|ns)|exemplos?|pedido|isso|isto)\b
        |je\ ne\ (?:peux|vais)\ pas\ (?:écrire|rédiger|générer|créer|produire|fournir)\ (?:\w+\ ){0,3}?
            (?:textes?|contenus?|messages?|exemples?|demande|cela|ça)\b
        |ich\ (?:kann|werde|darf)\ (?:\w+\ ){0,3}?(?:Texte?|Inhalte?|Nachrichten|Beispiele|Anfrage|das|dies)\ (?:\w+\ ){0,2}?
            (?:nicht\ )?(?:schreiben|erstellen|verfassen|generieren|erzeugen)\b
        |non\ posso\ (?:scrivere|generare|creare|produrre|fornire)\ (?:\w+\ ){0,3}?
            (?:test[oi]|contenut[oi]|messagg[io]+|esemp[io]+|richiesta|questo)\b
        |我(?:不能|无法|無法|不会)(?:为您|为你|帮您|帮你|協助|协助)?(?:写|寫|撰写|生成|创作|创建|提供|编写|满足|帮助|协助).{0,20}?
            (?:内容|文本|文字|评论|請求|请求|要求|信息|例子)
        |(?:como|als|en\ tant\ qu['’e]|come|jako)\s*(?:un[ae]?|um[a]?|ein[e]?|een)?\s*
            (?:modelo\ de\ (?:lenguaje|linguagem)|(?:intelligence\ artificielle|inteligencia\ artificial|inteligência\ artificial)
            |modèle\ de\ langage|modello\ linguistico|sprachmodell|taalmodel|model\ językowy|ki-(?:modell|assistent)\w*)
        |(?:作为|作為)(?:一个|一個|一名)?(?:AI|人工智能|人工智慧|语言模型|大语言模型|語言模型)
        |как\ (?:языковая\ модель|искусственный\ интеллект)
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def _pattern(words: Words) -> str:
    """A pattern of the three parts of a refusal in one language, in order, with up to 80 characters between them."""
    sorry, cannot, do = words
    then = rf"(?:{cannot}).{{0,{LONGEST_GAP}}}?" if cannot else ""
    return rf"(?:{sorry}).{{0,{LONGEST_GAP}}}?{then}(?:{do})"


AFTER_APOLOGY = re.compile(
    rf"^.{{0,{LONGEST_START}}}?(?:{'|'.join(map(_pattern, SPOKEN.values()))})", re.IGNORECASE | re.DOTALL
)


def is_refusal(head: str) -> bool:
    """Whether an answer that begins with `head` is a refusal in one of the languages of `SPOKEN`."""
    start = " ".join(head.split())[:300]
    return AT_ONCE.match(start) is not None or AFTER_APOLOGY.match(start) is not None
