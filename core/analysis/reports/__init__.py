"""What a study is reported in: the page of a report"""
